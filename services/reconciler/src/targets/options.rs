//! Reading the options of a target.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use zonelog_model::resource::OptionValue;

use crate::options::Unseal;

/// The longest time that an option may say.
const LONGEST: f64 = 3_600.0;

/// The options of one target. Every error names the option and what it may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Given<'a> {
    options: &'a BTreeMap<String, OptionValue>,
    unseal: &'a Unseal,
}

impl<'a> Given<'a> {
    pub(crate) fn new(options: &'a BTreeMap<String, OptionValue>, unseal: &'a Unseal) -> Self {
        Self { options, unseal }
    }

    /// Text; an empty one is none. What is sealed is opened.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, String> {
        match self.options.get(name) {
            None => Ok(None),
            Some(OptionValue::Plain(value)) => Ok(Some(value.clone()).filter(|value| !value.is_empty())),
            Some(OptionValue::Sealed(sealed)) => {
                let opened = self.unseal.open(name, sealed);
                opened
                    .map(Some)
                    .map_err(|error| format!("option {name}: {error}"))
            }
        }
    }

    /// Text that cannot be left out; `why` says what it is.
    pub(crate) fn needed(&self, name: &str, why: &str) -> Result<String, String> {
        self.text(name)?
            .ok_or_else(|| format!("option {name} is missing: {why}"))
    }

    /// Text, or what it is when nobody says.
    pub(crate) fn text_or(&self, name: &str, default: &str) -> Result<String, String> {
        Ok(self.text(name)?.unwrap_or_else(|| default.to_owned()))
    }

    /// True or false.
    pub(crate) fn truth(&self, name: &str, default: bool) -> Result<bool, String> {
        let text = self.text(name)?.map(|text| text.to_ascii_lowercase());
        match text.as_deref() {
            None => Ok(default),
            Some("false" | "no" | "off" | "0") => Ok(false),
            Some("true" | "yes" | "on" | "1") => Ok(true),
            Some(other) => Err(format!("option {name}: {other:?} is neither true nor false")),
        }
    }

    /// A time in seconds. 0, with which Designate waits for ever, is none; nothing here waits for ever.
    pub(crate) fn seconds(&self, name: &str) -> Result<Option<Duration>, String> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let seconds = text
            .parse::<f64>()
            .ok()
            .filter(|seconds| (0.0..=LONGEST).contains(seconds))
            .ok_or_else(|| format!("option {name}: {text:?} is not 0 to 3600 seconds"))?;
        Ok((seconds > 0.0).then(|| Duration::from_secs_f64(seconds)))
    }

    /// A port number.
    pub(crate) fn port(&self, name: &str, default: u16) -> Result<u16, String> {
        self.parsed(name, default, "port number")
    }

    fn parsed<T: FromStr>(&self, name: &str, default: T, what: &str) -> Result<T, String> {
        self.text(name)?.map_or(Ok(default), |text| {
            text.parse()
                .map_err(|_| format!("option {name}: {text:?} is no {what}"))
        })
    }
}

/// A remark for each option without which nothing can be told.
pub(crate) fn missing(options: &BTreeMap<String, OptionValue>, needed: &[&str]) -> Vec<String> {
    let missing = needed.iter().filter(|name| !options.contains_key(**name));
    missing
        .map(|name| format!("option {name} is missing: its zones stay in ERROR"))
        .collect()
}

/// A remark for each option that a kind of target does not have.
pub(crate) fn unknown(kind: &str, options: &BTreeMap<String, OptionValue>, known: &[&str]) -> Vec<String> {
    let unknown = options.keys().filter(|name| !known.contains(&name.as_str()));
    unknown
        .map(|name| format!("option {name} is none of a {kind} target, and is not used"))
        .collect()
}

/// Options as a test writes them.
#[cfg(test)]
pub(crate) fn map(options: &[(&str, &str)]) -> BTreeMap<String, OptionValue> {
    options
        .iter()
        .map(|&(name, value)| (name.to_owned(), OptionValue::Plain(value.to_owned())))
        .collect()
}
