//! What a runtime asks, by its environment (CNI specification 1.1.0, section 2, "Parameters").

use std::collections::BTreeMap;
use std::env;
use std::path::PathBuf;

use rnet_model::IfName;

use super::error::{CniError, Code};

/// What is to be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Command {
    Add,
    Del,
    Check,
    Gc,
    Status,
    Version,
}

/// One call.
pub(super) struct Invocation {
    pub(super) command: Command,
}

/// What is attached, or is to be: one interface of one container.
#[derive(Clone, Debug)]
pub(super) struct Attachment {
    pub(super) container: String,
    /// None where its namespace is gone, which only `DEL` bears.
    pub(super) namespace: Option<PathBuf>,
    pub(super) ifname: IfName,
    /// `CNI_ARGS`, such as `K8S_POD_NAME` and `IP`.
    pub(super) arguments: BTreeMap<String, String>,
}

impl Invocation {
    pub(super) fn from_environment() -> Result<Self, CniError> {
        let command = match variable("CNI_COMMAND").unwrap_or_default().as_str() {
            "ADD" => Command::Add,
            "DEL" => Command::Del,
            "CHECK" => Command::Check,
            "GC" => Command::Gc,
            "STATUS" => Command::Status,
            "VERSION" => Command::Version,
            other => return Err(invalid(format!("CNI_COMMAND {other:?} is unknown"))),
        };
        Ok(Self { command })
    }

    /// The attachment that the environment names.
    pub(super) fn attachment(&self) -> Result<Attachment, CniError> {
        let needed = |name| {
            variable(name)
                .ok_or_else(|| invalid(format!("required env variable {name} is missing")))
        };
        let namespace = match self.command {
            Command::Del => variable("CNI_NETNS"),
            _ => Some(needed("CNI_NETNS")?),
        };
        let ifname = needed("CNI_IFNAME")?;
        Ok(Attachment {
            container: needed("CNI_CONTAINERID")?,
            namespace: namespace.map(PathBuf::from),
            ifname: ifname
                .parse()
                .map_err(|error| invalid(format!("CNI_IFNAME: {error}")))?,
            arguments: arguments(&variable("CNI_ARGS").unwrap_or_default())?,
        })
    }
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// `KEY=VALUE` pairs, separated by semicolons.
fn arguments(text: &str) -> Result<BTreeMap<String, String>, CniError> {
    let pairs = text.split(';').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| {
        let (key, value) = pair.split_once('=').ok_or_else(|| {
            invalid(format!(
                "CNI_ARGS: invalid pair {pair:?}: KEY=VALUE is expected"
            ))
        })?;
        Ok((key.to_owned(), value.to_owned()))
    });
    pairs.collect()
}

fn invalid(message: String) -> CniError {
    CniError::new(Code::InvalidEnvironment, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_pairs() {
        let read = arguments("IgnoreUnknown=1;K8S_POD_NAME=web;IP=10.0.0.5=x").unwrap();
        assert_eq!(read["K8S_POD_NAME"], "web");
        assert_eq!(read["IP"], "10.0.0.5=x");
        assert!(arguments("").unwrap().is_empty());
        assert!(arguments("nonsense").is_err());
    }
}
