//! What can go wrong with a registry, in Docker's words where clients look for them.

use std::io;

use oci_client::errors::{DigestError, OciDistributionError, OciErrorCode};

use crate::Purpose;

/// An exchange with a registry that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The repository has no such manifest.
    #[error("manifest for {reference} not found: manifest unknown: manifest unknown")]
    NoManifest {
        /// The name and tag, or digest.
        reference: String,
    },
    /// The registry has no such repository.
    #[error(
        "repository {repository} not found: name unknown: repository name not known to registry"
    )]
    NoRepository {
        /// The repository.
        repository: String,
    },
    /// The registry does not show the repository to whoever asks.
    #[error(
        "pull access denied for {repository}, repository does not exist or may require 'docker login': \
         denied: requested access to the resource is denied"
    )]
    Denied {
        /// The repository.
        repository: String,
    },
    /// The registry takes nothing without a login.
    #[error("unauthorized: authentication required by {registry}: log in to it")]
    Anonymous {
        /// The registry.
        registry: String,
    },
    /// The registry does not know that user by that password.
    #[error("unauthorized: incorrect username or password for {registry}")]
    Login {
        /// The registry.
        registry: String,
    },
    /// The registry cannot be reached, or stopped answering.
    #[error("registry {registry} does not answer")]
    Unreachable {
        /// The registry.
        registry: String,
        /// Why.
        #[source]
        source: OciDistributionError,
    },
    /// The registry answered with a failure of its own.
    #[error("registry {registry} answered with status {status}: {message}")]
    Status {
        /// The registry.
        registry: String,
        /// The HTTP status.
        status: u16,
        /// What it said.
        message: String,
    },
    /// The registry refused, or its answer makes no sense.
    #[error("registry {registry} refused: {message}")]
    Refused {
        /// The registry.
        registry: String,
        /// What it said.
        message: String,
    },
    /// What came is not what its digest says.
    #[error(
        "filesystem layer verification failed for digest {digest}: what {registry} sent has digest {found}"
    )]
    Digest {
        /// The registry.
        registry: String,
        /// The digest that was asked for.
        digest: String,
        /// That of what came.
        found: String,
    },
    /// A blob is longer than its manifest says.
    #[error("registry {registry} sends more than the {size} bytes of {digest}")]
    TooLong {
        /// The registry.
        registry: String,
        /// The blob.
        digest: String,
        /// Its bytes, as the manifest has them.
        size: u64,
    },
    /// A transfer broke off again and again.
    #[error("the transfer of {digest} from registry {registry} broke off at byte {at} of {size}")]
    BrokenOff {
        /// The registry.
        registry: String,
        /// The blob.
        digest: String,
        /// How much of it had come.
        at: u64,
        /// Its bytes, as the manifest has them.
        size: u64,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What came cannot be kept.
    #[error("cannot keep {digest}")]
    Keep {
        /// The blob.
        digest: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The client cannot be set up.
    #[error("cannot prepare for registry {registry}")]
    Client {
        /// The registry.
        registry: String,
        /// Why.
        #[source]
        source: OciDistributionError,
    },
    /// The name is none that a registry can have.
    #[error("invalid reference format: {0:?}")]
    Name(String),
}

impl RegistryError {
    /// What a failure of the protocol means, of an exchange about a repository of a registry.
    pub(crate) fn new(
        registry: &str,
        repository: &str,
        stance: Stance,
        error: OciDistributionError,
    ) -> Self {
        let (registry, repository) = (registry.to_owned(), repository.to_owned());
        match error {
            error if is_unauthorized(&error) => match stance {
                Stance::Known => Self::Login { registry },
                Stance::Unknown(Purpose::Pull) => Self::Denied { repository },
                Stance::Unknown(Purpose::Push) => Self::Anonymous { registry },
            },
            OciDistributionError::RegistryError { envelope, .. } => {
                let codes: Vec<_> = envelope.errors.iter().map(|it| &it.code).collect();
                if codes.contains(&&OciErrorCode::Denied) {
                    return Self::Denied { repository };
                }
                if codes.contains(&&OciErrorCode::NameUnknown) {
                    return Self::NoRepository { repository };
                }
                if codes
                    .iter()
                    .any(|it| matches!(it, OciErrorCode::ManifestUnknown | OciErrorCode::NotFound))
                {
                    return Self::NoManifest {
                        reference: repository,
                    };
                }
                let told = envelope.errors.iter().map(|it| it.message.as_str());
                Self::Refused {
                    registry,
                    message: told.collect::<Vec<_>>().join("; "),
                }
            }
            OciDistributionError::ServerError { code: 404, .. } => Self::NoManifest {
                reference: repository,
            },
            OciDistributionError::ServerError { code, message, .. } => Self::Status {
                registry,
                status: code,
                message: brief(&message),
            },
            OciDistributionError::DigestError(DigestError::VerificationError {
                expected,
                actual,
            }) => Self::Digest {
                registry,
                digest: expected,
                found: actual,
            },
            source @ (OciDistributionError::RequestError(_) | OciDistributionError::IoError(_)) => {
                Self::Unreachable { registry, source }
            }
            other => Self::Refused {
                registry,
                message: other.to_string(),
            },
        }
    }

    /// Whether the same exchange may succeed a moment later.
    pub(crate) const fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::Status { status: 500.., .. } | Self::BrokenOff { .. }
        )
    }
}

/// How whoever asks stands with a registry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stance {
    /// By a login.
    Known,
    /// Without one.
    Unknown(Purpose),
}

fn is_unauthorized(error: &OciDistributionError) -> bool {
    match error {
        OciDistributionError::UnauthorizedError { .. }
        | OciDistributionError::AuthenticationFailure(_)
        | OciDistributionError::ServerError { code: 401, .. } => true,
        OciDistributionError::RequestError(error) => {
            error.status().is_some_and(|status| status.as_u16() == 401)
        }
        _ => false,
    }
}

/// The first line of what a server said, which may be a page.
fn brief(message: &str) -> String {
    const LONGEST: usize = 200;
    let line = message.lines().map(str::trim).find(|line| !line.is_empty());
    line.unwrap_or("it said nothing")
        .chars()
        .take(LONGEST)
        .collect()
}
