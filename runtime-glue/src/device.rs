//! Which devices a container sees, and which it may use.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a container has of the host's devices, beside those that every program expects.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Devices {
    /// Device files of the host, shown in the container.
    pub files: Vec<DeviceFile>,
    /// What may be used beside these and those that every program expects.
    pub rules: Vec<DeviceRule>,
    /// Whether it sees and may use all there are.
    pub all: bool,
}

impl Devices {
    /// Whether a device file that the container makes may be one that it can use.
    pub(crate) fn can_be_made(&self) -> bool {
        self.all || !self.rules.is_empty()
    }
}

/// A device file of the host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceFile {
    /// The file, or a directory of them.
    pub source: PathBuf,
    /// The absolute path in the container.
    pub target: String,
    /// What may be done with it.
    pub access: Access,
}

/// What may be done with devices.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceRule {
    /// Which; none for both.
    pub kind: Option<DeviceKind>,
    /// Their major number; none for any.
    pub major: Option<u32>,
    /// Their minor number; none for any.
    pub minor: Option<u32>,
    /// What.
    pub access: Access,
}

/// The two kinds of device files.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceKind {
    /// A character device.
    Char,
    /// A block device.
    Block,
}

/// What may be done with a device: written `rwm`, or less of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Access {
    /// It may be opened to be read.
    pub read: bool,
    /// It may be opened to be written to.
    pub write: bool,
    /// A file for it may be made.
    pub mknod: bool,
}

/// A text that says nothing about devices.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DeviceMistake {
    /// It is no [`Access`].
    #[error("invalid device mode: {0}")]
    Access(String),
    /// It is no [`DeviceRule`].
    #[error("invalid device cgroup rule format: '{0}'")]
    Rule(String),
}

impl Access {
    /// All of it.
    pub const ALL: Self = Self {
        read: true,
        write: true,
        mknod: true,
    };
    /// The making of files alone.
    pub(crate) const MKNOD: Self = Self {
        read: false,
        write: false,
        mknod: true,
    };
}

impl FromStr for Access {
    type Err = DeviceMistake;

    fn from_str(text: &str) -> Result<Self, DeviceMistake> {
        let valid = !text.is_empty() && text.len() <= 3 && text.chars().all(|c| "rwm".contains(c));
        let mistake = || DeviceMistake::Access(text.to_owned());
        valid.then_some(()).ok_or_else(mistake)?;
        Ok(Self {
            read: text.contains('r'),
            write: text.contains('w'),
            mknod: text.contains('m'),
        })
    }
}

impl FromStr for DeviceRule {
    type Err = DeviceMistake;

    /// As Docker and the kernel write it: `c 1:3 rwm`, `b *:* m`, `a *:* rwm`.
    fn from_str(text: &str) -> Result<Self, DeviceMistake> {
        let mistake = || DeviceMistake::Rule(text.to_owned());
        let words: Vec<_> = text.split(' ').collect();
        let [kind, numbers, access] = words[..] else {
            return Err(mistake());
        };
        let (major, minor) = numbers.split_once(':').ok_or_else(mistake)?;
        let number = |text: &str| match text {
            "*" => Ok(None),
            number => number.parse().map(Some).map_err(|_| mistake()),
        };
        Ok(Self {
            kind: match kind {
                "a" => None,
                "c" => Some(DeviceKind::Char),
                "b" => Some(DeviceKind::Block),
                _ => return Err(mistake()),
            },
            major: number(major)?,
            minor: number(minor)?,
            access: access.parse().map_err(|_| mistake())?,
        })
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters = [(self.read, "r"), (self.write, "w"), (self.mknod, "m")];
        let mut said = letters.into_iter().filter(|(is, _)| *is);
        said.try_for_each(|(_, letter)| f.write_str(letter))
    }
}

impl fmt::Display for DeviceRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            None => 'a',
            Some(DeviceKind::Char) => 'c',
            Some(DeviceKind::Block) => 'b',
        };
        let number = |it: Option<u32>| it.map_or_else(|| "*".to_owned(), |it| it.to_string());
        let (major, minor) = (number(self.major), number(self.minor));
        write!(f, "{kind} {major}:{minor} {}", self.access)
    }
}

impl From<Access> for String {
    fn from(access: Access) -> Self {
        access.to_string()
    }
}

impl TryFrom<String> for Access {
    type Error = DeviceMistake;

    fn try_from(text: String) -> Result<Self, DeviceMistake> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_written_as_it_is_read() {
        for text in ["c 1:3 rwm", "b *:* m", "a *:* rw", "c 136:* rw"] {
            assert_eq!(text.parse::<DeviceRule>().unwrap().to_string(), text);
        }
        for text in [
            "", "c 1:3", "x 1:3 r", "c 1 r", "c 1:-1 r", "c 1:3 rx", "c 1:3 ",
        ] {
            assert!(text.parse::<DeviceRule>().is_err(), "{text:?}");
        }
    }
}
