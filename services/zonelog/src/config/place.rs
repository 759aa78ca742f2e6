//! Where a key was set: the file's line, or the environment variable.

use std::fmt;
use std::path::{Path, PathBuf};

use figment::value::{Dict, Value};
use toml_edit::{ImDocument, Item};

use super::ENVIRONMENT_PREFIX;

/// Where a key was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Nowhere: the default.
    Default,
    /// In the file, at this line (from 1) where it could be found.
    File {
        /// The file.
        path: PathBuf,
        /// The line.
        line: Option<usize>,
    },
    /// In this environment variable.
    Environment(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File {
                path,
                line: Some(line),
            } => write!(f, "{}, line {line}", path.display()),
            Self::File { path, line: None } => write!(f, "{}", path.display()),
            Self::Environment(name) => write!(f, "environment variable {name}"),
        }
    }
}

/// A path as people write it: `pool.servers[0].address`.
pub(super) fn dotted(path: &[String]) -> String {
    let mut text = String::new();
    for part in path {
        if part.parse::<usize>().is_ok() {
            text.push_str(&format!("[{part}]"));
        } else {
            if !text.is_empty() {
                text.push('.');
            }
            text.push_str(part);
        }
    }
    text
}

/// Finds the place of a key.
pub(super) struct Places<'a> {
    file: Option<&'a Path>,
    text: &'a str,
    document: Option<ImDocument<&'a str>>,
    environment: Dict,
}

impl<'a> Places<'a> {
    pub(super) fn new(file: Option<&'a Path>, text: &'a str, environment: &Dict) -> Self {
        Self {
            file,
            text,
            document: ImDocument::parse(text).ok(),
            environment: environment.clone(),
        }
    }

    /// The place of the key, or of the nearest key around it that was set.
    pub(super) fn of(&self, path: &[String]) -> Place {
        if let [section, key, ..] = path
            && let Some(Value::Dict(_, keys)) = self.environment.get(section)
            && keys.contains_key(key)
        {
            let name = format!("{ENVIRONMENT_PREFIX}{section}__{key}")
                .to_ascii_uppercase()
                .replace('.', "__");
            return Place::Environment(name);
        }
        let Some(file) = self.file else {
            return Place::Default;
        };
        match self.line(path) {
            Some(line) => Place::File {
                path: file.to_owned(),
                line: Some(line),
            },
            None => Place::Default,
        }
    }

    /// As [`Self::of`], by the dotted form of keys that are no lists.
    pub(super) fn of_key(&self, section: &str, key: &str) -> Place {
        self.of(&[section.to_owned(), key.to_owned()])
    }

    fn line(&self, path: &[String]) -> Option<usize> {
        let mut item = self.document.as_ref()?.as_item();
        let mut offset = None;
        for part in path {
            let next = match part.parse::<usize>() {
                Ok(index) => item.get(index)?,
                Err(_) => {
                    let (key, next) = item.as_table_like()?.get_key_value(part)?;
                    offset = key.span().map(|span| span.start).or(offset);
                    next
                }
            };
            if let (Ok(_), Some(span)) = (part.parse::<usize>(), span_of(next)) {
                offset = Some(span);
            }
            item = next;
        }
        let offset = offset?.min(self.text.len());
        Some(
            self.text.as_bytes()[..offset]
                .iter()
                .filter(|&&byte| byte == b'\n')
                .count()
                + 1,
        )
    }
}

fn span_of(item: &Item) -> Option<usize> {
    item.span().map(|span| span.start)
}
