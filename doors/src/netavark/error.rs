//! What can go wrong, as podman is told of it.

use std::path::PathBuf;

use crate::netd::CallError;

/// Why a container was not attached, or not detached.
#[derive(Debug, thiserror::Error)]
pub(super) enum NetavarkError {
    #[error("failed to load network options from {}", path.display())]
    Open {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("failed to load network options")]
    Read {
        #[source]
        source: serde_json::Error,
    },
    #[error("network {network} is not described in network_info")]
    NotDescribed { network: String },
    #[error("network {network}: rnet does not support {what}")]
    Unsupported { network: String, what: String },
    #[error("invalid host ip {text:?} provided for port {port}")]
    HostIp { text: String, port: u16 },
    /// A network that cannot be, in netavark's words.
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Netd(#[from] CallError),
    #[error("netavark encountered multiple errors:\n\t- {}", .0.join("\n\t- "))]
    Several(Vec<String>),
}

impl NetavarkError {
    /// The error and its causes in one line, as netavark writes them.
    pub(super) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text
    }

    /// One error of several; none where there is none.
    pub(super) fn all(errors: Vec<Self>) -> Result<(), Self> {
        match <[Self; 1]>::try_from(errors) {
            Ok([error]) => Err(error),
            Err(errors) if errors.is_empty() => Ok(()),
            Err(errors) => Err(Self::Several(errors.iter().map(Self::chain).collect())),
        }
    }
}
