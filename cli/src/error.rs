//! What can go wrong in `rnet`, in words for the person at the terminal.

use std::error::Error as StdError;
use std::io::{self, Write};
use std::path::PathBuf;

use bollard::errors::Error as ClientError;

use crate::host::Host;

pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// A command that did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(
        "cannot connect to netd at {host}: is it running? start netd, or name it by -H or RNET_HOST"
    )]
    Connect {
        host: Host,
        #[source]
        source: io::Error,
    },
    #[error(
        "no rights to talk to netd at {host}: run rnet as root or as a member of the socket's group"
    )]
    Rights {
        host: Host,
        #[source]
        source: io::Error,
    },
    #[error("cannot use {path} for TLS", path = path.display())]
    Certificate {
        path: PathBuf,
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    #[error(
        "netd at {host} and rnet do not trust each other: look at --tlscacert, --tlscert and --tlskey"
    )]
    Trust {
        host: Host,
        #[source]
        source: io::Error,
    },
    /// The daemon's own words.
    #[error("{message}")]
    Daemon { status: u16, message: String },
    /// The daemon refused to start a container; the exit code says which way (docker.md 4.3).
    #[error("{message}")]
    NotStarted { code: u8, message: String },
    #[error("netd broke off its answer: look into its log, then try again")]
    Broken {
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    #[error("cannot understand netd's answer: are rnet and netd of the same version?")]
    Answer {
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    #[error("no such {kind}: {name}")]
    NoSuch { kind: &'static str, name: String },
    #[error("cannot make a network namespace for the program: root is needed")]
    OwnNamespace {
        #[source]
        source: io::Error,
    },
    #[error(
        "cannot understand the container's state on the standard input: a hook is called by an OCI runtime"
    )]
    HookState {
        #[source]
        source: serde_json::Error,
    },
    #[error("annotation {key}={value}")]
    Annotation {
        key: &'static str,
        value: String,
        #[source]
        source: crate::parse::Refused,
    },
    #[error("cannot read {path}")]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot run {path}: is it installed beside rnet?", path = path.display())]
    Program {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "container ID file found, make sure the other container isn't running or delete {path}",
        path = .0.display()
    )]
    IdFile(PathBuf),
    #[error("cannot write {path}", path = path.display())]
    WriteId {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{path} is no configuration of Docker's: JSON is expected", path = path.display())]
    LoginFile {
        path: PathBuf,
        #[source]
        source: serde_json::Error,
    },
    #[error("cannot ask {program}, which keeps the logins to registries")]
    CredentialHelper {
        program: String,
        #[source]
        source: io::Error,
    },
    #[error("cannot read standard input")]
    Input(#[source] io::Error),
    #[error("cannot write what is copied to {path}", path = path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{path} is no profile of system calls: JSON is expected")]
    Profile {
        path: PathBuf,
        #[source]
        source: serde_json::Error,
    },
    #[error("cannot read {path}: {reason}", path = path.display())]
    EnvFile { path: PathBuf, reason: String },
    #[error("cannot render --format {format:?}")]
    Format {
        format: String,
        #[source]
        source: gotmpl::TemplateError,
    },
    /// Wishes that cannot be met together, or not now.
    #[error("{0}")]
    Conflict(&'static str),
    #[error("cannot write the output")]
    Output(#[source] io::Error),
    #[error("cannot use the terminal: with -t, standard input must be one")]
    Terminal(#[source] io::Error),
    #[error("cannot catch the signal {name}")]
    Signal {
        name: &'static str,
        #[source]
        source: io::Error,
    },
    #[error("cannot start the event loop")]
    Runtime(#[source] io::Error),
}

impl Error {
    /// A broken-off conversation with the daemon.
    pub(crate) fn broken(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Broken {
            source: source.into(),
        }
    }

    /// An answer that is not what it should be.
    pub(crate) fn answer(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Answer {
            source: source.into(),
        }
    }

    /// The exit code this error asks for, or `otherwise`.
    pub(crate) fn exit_code(&self, otherwise: u8) -> u8 {
        match self {
            Self::NotStarted { code, .. } => *code,
            _ => otherwise,
        }
    }

    /// Whether the daemon knows no such object.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::Daemon { status: 404, .. })
    }

    /// Whether the daemon has no such image, or none for that platform (docker.md 4.3).
    pub(crate) fn is_no_image(&self) -> bool {
        let Self::Daemon {
            status: 404,
            message,
        } = self
        else {
            return false;
        };
        message.starts_with("No such image")
            || message.contains("does not match the specified platform")
    }

    /// Whether the reader of our output went away, as `head` does.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(source) if source.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Prints `rnet: ` and the whole chain of causes on one line of standard error.
    pub(crate) fn report(&self) {
        let mut line = format!("rnet: {self}");
        let mut cause = self.source();
        while let Some(error) = cause {
            line.push_str(&format!(": {error}"));
            cause = error.source();
        }
        // Where standard error is gone too, the exit code still tells.
        let _ = writeln!(io::stderr(), "{line}");
    }
}

impl From<ClientError> for Error {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::DockerResponseServerError {
                status_code: status,
                message,
            } => Self::Daemon { status, message },
            ClientError::DockerStreamError { error: message } => Self::Daemon {
                status: 500,
                message,
            },
            ClientError::IOError { err } => err.downcast().unwrap_or_else(Self::broken),
            misread @ (ClientError::JsonDataError { .. } | ClientError::JsonSerdeError { .. }) => {
                Self::answer(misread)
            }
            other => Self::broken(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_wire_survives_its_way_through_the_client() {
        let wire = Error::NoSuch {
            kind: "network",
            name: "n".into(),
        };
        let client = ClientError::IOError {
            err: io::Error::other(wire),
        };
        assert!(matches!(
            Error::from(client),
            Error::NoSuch {
                kind: "network",
                ..
            }
        ));
    }

    #[test]
    fn the_daemons_words_are_shown_as_they_are() {
        let client = ClientError::DockerResponseServerError {
            status_code: 404,
            message: "network x not found".into(),
        };
        let error = Error::from(client);
        assert!(error.is_not_found());
        assert_eq!(error.to_string(), "network x not found");
    }
}
