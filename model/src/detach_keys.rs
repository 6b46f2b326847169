//! The keys that leave a process without ending it (`--detach-keys`).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What leaves a process where nothing else is said: ctrl-p, then ctrl-q.
const USUAL: [u8; 2] = [0x10, 0x11];

/// Keys that are pressed one after the other.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DetachKeys(Vec<u8>);

/// A text that names no keys.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("Invalid detach keys ({0}) provided")]
pub struct InvalidDetachKeys(String);

impl Default for DetachKeys {
    fn default() -> Self {
        Self(USUAL.to_vec())
    }
}

impl FromStr for DetachKeys {
    type Err = InvalidDetachKeys;

    /// Reads keys with commas between them, each a character or `ctrl-` and one of `a-z`, `@`, `[`, `\`, `]`, `^`, `_`
    /// (moby/term, ascii.go); no text is the usual ones.
    fn from_str(text: &str) -> Result<Self, InvalidDetachKeys> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let keys = text.split(',').map(key).collect::<Option<_>>();
        keys.map(Self)
            .ok_or_else(|| InvalidDetachKeys(text.to_owned()))
    }
}

impl fmt::Display for DetachKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, key) in self.0.iter().enumerate() {
            f.write_str(if nth == 0 { "" } else { "," })?;
            match key {
                0 | 27..=31 => write!(f, "ctrl-{}", char::from(key + b'@'))?,
                1..=26 => write!(f, "ctrl-{}", char::from(key + b'a' - 1))?,
                key => write!(f, "{}", char::from(*key))?,
            }
        }
        Ok(())
    }
}

fn key(text: &str) -> Option<u8> {
    let character = |text: &str| match text.as_bytes() {
        [key] => Some(*key),
        _ => None,
    };
    match text.strip_prefix("ctrl-") {
        None => character(text),
        Some(with) => match character(with)? {
            key @ (b'a'..=b'z') => Some(key - b'a' + 1),
            key @ (b'@' | b'['..=b'_') => Some(key - b'@'),
            _ => None,
        },
    }
}

/// Watches input for the keys.
#[derive(Clone, Debug)]
pub struct DetachWatch {
    keys: Vec<u8>,
    /// What came last and was held back, as the keys begin with it.
    held: Vec<u8>,
}

impl DetachWatch {
    /// Watches for `keys`.
    pub fn new(keys: DetachKeys) -> Self {
        Self {
            keys: keys.0,
            held: Vec::new(),
        }
    }

    /// Takes some input: what of it is to be passed on, and whether the keys came after that.
    pub fn filter(&mut self, input: &[u8]) -> (Vec<u8>, bool) {
        let mut passed = Vec::with_capacity(input.len() + self.held.len());
        for &key in input {
            self.held.push(key);
            while !self.keys.starts_with(&self.held) {
                passed.push(self.held.remove(0));
            }
            if self.held == self.keys {
                return (passed, true);
            }
        }
        (passed, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(keys: &str) -> DetachWatch {
        DetachWatch::new(keys.parse().unwrap())
    }

    #[test]
    fn keys_are_named_as_docker_names_them() {
        for (text, keys) in [
            ("", vec![0x10, 0x11]),
            ("ctrl-p,ctrl-q", vec![0x10, 0x11]),
            ("a", vec![b'a']),
            ("ctrl-@,ctrl-[,ctrl-_,x", vec![0, 0x1b, 0x1f, b'x']),
        ] {
            let read = text.parse();
            assert_eq!(read, Ok(DetachKeys(keys)), "{text}");
            assert_eq!(
                read.unwrap().to_string().parse(),
                text.parse::<DetachKeys>()
            );
        }
        for wrong in ["ctrl-", "ctrl-1", "ctrl-ab", "ab", "a,", "ctrl-P"] {
            let refusal = wrong.parse::<DetachKeys>().unwrap_err().to_string();
            assert_eq!(refusal, format!("Invalid detach keys ({wrong}) provided"));
        }
    }

    #[test]
    fn the_keys_may_come_apart() {
        let mut watch = watch("");
        assert_eq!(watch.filter(b"ls\r\x10"), (b"ls\r".to_vec(), false));
        assert_eq!(watch.filter(b"\x11"), (vec![], true));
    }

    #[test]
    fn other_keys_pass_unchanged_and_in_order() {
        let mut watch = watch("a,a,b");
        let mut passed = |text: &[u8]| watch.filter(text).0;
        assert_eq!(passed(b"xa"), b"x");
        assert_eq!(passed(b"c"), b"ac");
        assert_eq!(passed(b"aaa"), b"a");
        assert!(watch.filter(b"b").1);
    }
}
