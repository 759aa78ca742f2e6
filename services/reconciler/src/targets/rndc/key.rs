//! The key of an rndc channel, and the files that BIND's tools keep it in.

use std::path::Path;

use zonelog_dns::tsig::{self, Algorithm, Secret};

/// Why there is no rndc key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A file cannot be read.
    #[error("cannot read {path}: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system said.
        reason: String,
    },
    /// A file holds no key.
    #[error("{path} is no rndc key file: {what}; `rndc-confgen -a -c FILE` makes one")]
    NoKey {
        /// The file.
        path: String,
        /// What is missing or wrong.
        what: String,
    },
}

/// A key of the control channel. Its secret is never printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RndcKey {
    /// Its name in the server's configuration: for messages, since it is never sent.
    pub name: String,
    /// Its algorithm.
    pub algorithm: Algorithm,
    /// Its secret.
    pub secret: Secret,
}

impl RndcKey {
    /// Reads a key file as `rndc-confgen -a` writes it, `key "NAME" { algorithm ALGORITHM; secret "BASE64"; };`, or an
    /// `rndc.conf` with such keys. Of several keys `server HOST { key NAME; }` chooses for its host, else
    /// `options { default-key NAME; }`, as rndc does.
    pub fn read(path: &Path, host: &str) -> Result<Self, KeyError> {
        let text = std::fs::read_to_string(path).map_err(|error| KeyError::Unreadable {
            path: path.display().to_string(),
            reason: error.to_string(),
        })?;
        Self::parse(&text, host).map_err(|what| KeyError::NoKey {
            path: path.display().to_string(),
            what,
        })
    }

    fn parse(text: &str, host: &str) -> Result<Self, String> {
        let found = File::read(text)?;
        let wanted = found.servers.iter().find(|(server, _)| server == host);
        let wanted = wanted.map(|(_, key)| key).or(found.default_key.as_ref());
        let (name, statement) = match wanted {
            Some(wanted) => found
                .keys
                .iter()
                .find(|(name, _)| name == wanted)
                .ok_or_else(|| format!("it has no key {wanted:?}, which it names"))?,
            None => match found.keys.as_slice() {
                [] => return Err("it has no key statement".to_owned()),
                [only] => only,
                _ => return Err("it has several keys, and no default-key".to_owned()),
            },
        };
        let value = |word: &str| {
            let at = statement.iter().position(|found| found == word);
            at.and_then(|at| statement.get(at + 1))
                .ok_or_else(|| format!("the key {name:?} has no {word}"))
        };
        Ok(Self {
            name: name.clone(),
            algorithm: value("algorithm")?
                .parse()
                .map_err(|error: tsig::KeyError| error.to_string())?,
            secret: Secret::from_base64(value("secret")?).map_err(|error| error.to_string())?,
        })
    }
}

/// What matters of a file in the language of `named.conf`.
#[derive(Debug, Default)]
struct File {
    /// Each key's name, and the words in its braces.
    keys: Vec<(String, Vec<String>)>,
    /// Hosts with a key of their own.
    servers: Vec<(String, String)>,
    default_key: Option<String>,
}

impl File {
    fn read(text: &str) -> Result<Self, String> {
        let mut file = Self::default();
        let mut words = Words(text);
        let mut head: Vec<String> = Vec::new();
        while let Some(word) = words.next()? {
            match word.as_str() {
                ";" => head.clear(),
                "{" => {
                    let inner = block(&mut words)?;
                    match head.as_slice() {
                        [key, name, ..] if key == "key" => file.keys.push((name.clone(), inner)),
                        [server, host, ..] if server == "server" => {
                            if let Some(key) = after(&inner, "key") {
                                file.servers.push((host.clone(), key));
                            }
                        }
                        [options, ..] if options == "options" => {
                            file.default_key = after(&inner, "default-key")
                        }
                        _ => {}
                    }
                }
                _ => head.push(word),
            }
        }
        Ok(file)
    }
}

fn after(words: &[String], word: &str) -> Option<String> {
    let at = words.iter().position(|found| found == word)?;
    words.get(at + 1).cloned()
}

/// The words up to the brace that closes the one just read.
fn block(words: &mut Words<'_>) -> Result<Vec<String>, String> {
    let (mut inner, mut depth) = (Vec::new(), 1);
    while let Some(word) = words.next()? {
        match word.as_str() {
            "{" => depth += 1,
            "}" if depth == 1 => return Ok(inner),
            "}" => depth -= 1,
            _ => {}
        }
        inner.push(word);
    }
    Err("a brace is not closed".to_owned())
}

/// The words of a file in the language of `named.conf`: braces and semicolons stand alone, quotes and comments are
/// taken away.
struct Words<'a>(&'a str);

impl Words<'_> {
    fn next(&mut self) -> Result<Option<String>, String> {
        loop {
            self.0 = self.0.trim_start();
            let Some(first) = self.0.chars().next() else {
                return Ok(None);
            };
            if first == '#' || self.0.starts_with("//") {
                self.0 = self.0.split_once('\n').map_or("", |(_, rest)| rest);
            } else if let Some(comment) = self.0.strip_prefix("/*") {
                self.0 = comment.split_once("*/").ok_or("a comment is not closed")?.1;
            } else if let Some(quoted) = self.0.strip_prefix('"') {
                let (word, rest) = quoted.split_once('"').ok_or("a quote is not closed")?;
                self.0 = rest;
                return Ok(Some(word.to_owned()));
            } else {
                let stops = |c: char| c.is_whitespace() || "{};\"".contains(c);
                let end = if stops(first) {
                    1
                } else {
                    self.0.find(stops).unwrap_or(self.0.len())
                };
                let (word, rest) = self.0.split_at(end);
                self.0 = rest;
                return Ok(Some(word.to_owned()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RNDC_CONF: &str = r#"
        # Start of rndc.conf
        key "first" { algorithm hmac-sha256; secret "Zmlyc3Q="; };
        key second { algorithm "hmac-md5"; /* old */ secret "c2Vjb25k"; };
        options { default-key "first"; default-server 127.0.0.1; default-port 953; }; // end
        server 192.0.2.2 { key "second"; };
    "#;

    #[test]
    fn a_key_is_chosen_as_rndc_chooses() {
        let default = RndcKey::parse(RNDC_CONF, "127.0.0.1").unwrap();
        assert_eq!(
            (default.name.as_str(), default.secret.to_base64().as_str()),
            ("first", "Zmlyc3Q=")
        );
        let own = RndcKey::parse(RNDC_CONF, "192.0.2.2").unwrap();
        assert_eq!((own.name.as_str(), own.algorithm), ("second", Algorithm::HmacMd5));
        let alone = "key \"rndc-key\" {\n\talgorithm hmac-sha512;\n\tsecret \"c2VjcmV0IQ==\";\n};\n";
        assert_eq!(RndcKey::parse(alone, "any").unwrap().name, "rndc-key");
    }

    #[test]
    fn a_file_without_a_key_says_what_is_missing() {
        for (text, words) in [
            ("", "no key statement"),
            ("key a { algorithm hmac-md5; };", "no secret"),
            ("key a { secret \"c2Vj\"; };", "no algorithm"),
            ("key a { algorithm hmac-md5; secret \"?\"; };", "not base64"),
            ("key a { algorithm hmac-sha3; secret \"c2Vj\"; };", "hmac-sha256"),
            ("key a { algorithm hmac-md5;", "not closed"),
            ("key \"a", "not closed"),
            ("options { default-key b; }; key a { };", "no key \"b\""),
            ("key a { }; key b { };", "several keys"),
        ] {
            let error = RndcKey::parse(text, "h").unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_file_makes_it_panic(text in "[ -~\n{};\"/*#]{0,200}") {
            let _ = RndcKey::parse(&text, "host");
        }
    }
}
