//! A link: a name that one container has for another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a container calls another one, seen by nobody else.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContainerLink {
    /// The other container's name.
    pub container: String,
    /// What it is called.
    pub alias: String,
}

/// A text that is not `CONTAINER[:ALIAS]`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("bad format for links: {0}")]
pub struct InvalidContainerLink(String);

impl FromStr for ContainerLink {
    type Err = InvalidContainerLink;

    /// Reads `CONTAINER`, `CONTAINER:ALIAS`, or how Docker lists a link of its own: `/CONTAINER:/OTHER/ALIAS`.
    fn from_str(text: &str) -> Result<Self, InvalidContainerLink> {
        let (container, alias) = text.split_once(':').unwrap_or((text, text));
        let container = container.strip_prefix('/').unwrap_or(container);
        let alias = alias.rsplit('/').next().unwrap_or(alias);
        if container.is_empty() || alias.is_empty() || alias.contains(':') {
            return Err(InvalidContainerLink(text.to_owned()));
        }
        Ok(Self {
            container: container.to_owned(),
            alias: alias.to_owned(),
        })
    }
}

impl TryFrom<String> for ContainerLink {
    type Error = InvalidContainerLink;

    fn try_from(text: String) -> Result<Self, InvalidContainerLink> {
        text.parse()
    }
}

impl From<ContainerLink> for String {
    fn from(link: ContainerLink) -> String {
        link.to_string()
    }
}

impl fmt::Display for ContainerLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { container, alias } = self;
        write!(f, "{container}:{alias}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_names_a_container_and_what_it_is_called() {
        let read = |text: &str| text.parse::<ContainerLink>().map(|link| link.to_string());
        assert_eq!(read("db:database").unwrap(), "db:database");
        assert_eq!(read("db").unwrap(), "db:db");
        assert_eq!(read("/db:/web/database").unwrap(), "db:database");
        for text in ["", ":a", "db:", "db:a:b"] {
            let refusal = read(text).unwrap_err().to_string();
            assert_eq!(refusal, format!("bad format for links: {text}"));
        }
    }
}
