//! What can go wrong in the daemon, in the words Docker clients match on, and the class each failure is of.

use std::path::PathBuf;

use rnet_dns::DnsError;
use rnet_drivers::DriverError;
use rnet_ipam::IpamError;
use rnet_kernel::KernelError;
use rnet_registry::RegistryError;
use rnet_relay::RelayError;
use rnet_runtime_glue::RuntimeError;
use rnet_runtime_glue::image::{ImageError, RootError};
use rnet_runtime_glue::log::LogError;

use crate::remote::PluginError;

/// The result of an operation of the daemon.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An operation that failed, with its object.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A request that makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// A request that is refused as things stand.
    #[error("{0}")]
    Forbidden(String),
    /// A request that collides with what exists.
    #[error("{0}")]
    Conflict(String),
    /// An operation that would change nothing.
    #[error("{0}")]
    NotModified(String),
    /// Something Docker has and rnet does not have yet.
    #[error("{0}")]
    Unsupported(String),
    /// Something that did not work out, in Docker's words.
    #[error("{0}")]
    Failed(String),
    /// No object of that kind has that name or id.
    #[error("{kind} {reference} not found")]
    NotFound {
        /// `network`, `exec instance`, …
        kind: &'static str,
        /// What was asked for.
        reference: String,
    },
    /// No container has that name or id.
    #[error("No such container: {0}")]
    NoSuchContainer(String),
    /// A container has no such file.
    #[error("Could not find the file {path} in container {container}")]
    NoSuchFile {
        /// The path.
        path: String,
        /// The container.
        container: String,
    },
    /// An image is for another platform than was asked for.
    #[error(
        "image with reference {reference} was found but its platform ({is}) does not match the specified platform ({asked})"
    )]
    WrongPlatform {
        /// The image.
        reference: String,
        /// What it is for.
        is: String,
        /// What was asked for.
        asked: String,
    },
    /// An index of images has none for a platform.
    #[error("no matching manifest for {platform} in the manifest list entries")]
    NoManifestFor {
        /// The platform.
        platform: String,
    },
    /// No image of a repository is here.
    #[error("An image does not exist locally with the tag: {0}")]
    NotHere(String),
    /// A repository has no such tag here.
    #[error("tag does not exist: {0}")]
    NoSuchTag(String),
    /// No volume has that name.
    #[error("get {0}: no such volume")]
    NoSuchVolume(String),
    /// No program run beside a container's own has that id.
    #[error("No such exec instance: {0}")]
    NoSuchExec(String),
    /// More than one object begins with that id.
    #[error("{kind} {reference} is ambiguous ({matches} matches found on ID prefix)")]
    Ambiguous {
        /// `network`, `container`, …
        kind: &'static str,
        /// What was asked for.
        reference: String,
        /// How many there are.
        matches: usize,
    },
    /// A host port another container has.
    #[error("Bind for {0} failed: port is already allocated")]
    PortAllocated(std::net::SocketAddr),
    /// A file of a container that could not be written.
    #[error("failed to write {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The driver refused.
    #[error("driver {driver} refuses network {network}")]
    Driver {
        /// The driver.
        driver: String,
        /// The network.
        network: String,
        /// Why.
        #[source]
        source: DriverError,
    },
    /// No address or subnet can be had as asked.
    #[error(transparent)]
    Ipam(#[from] IpamError),
    /// A plugin refused, or does not answer.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// A network is gone but for what a plugin has yet to be told.
    #[error(
        "network {network} is of no more use, and goes when its plugin answers; to forget it now: rnet network rm -f {network}"
    )]
    StillOwed {
        /// The network.
        network: String,
        /// Why.
        #[source]
        source: Box<Error>,
    },
    /// The kernel refused.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// The relay refused.
    #[error(transparent)]
    Relay(#[from] RelayError),
    /// The embedded DNS refused.
    #[error(transparent)]
    Dns(#[from] DnsError),
    /// The bundled runtime refused.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The image store refused.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The exchange with a registry failed.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A container's files cannot be read or written.
    #[error(transparent)]
    Root(#[from] RootError),
    /// A container's log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
}

/// What kind of failure it is, for whoever must answer with a status.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// Nothing has to change (304).
    NotModified,
    /// The request is at fault (400).
    Invalid,
    /// Whoever asks is not known (401).
    Unauthorized,
    /// The request is refused (403).
    Forbidden,
    /// Its object does not exist (404).
    NotFound,
    /// It collides with what exists (409).
    Conflict,
    /// It is not built (501).
    Unsupported,
    /// It failed (500).
    Failed,
}

impl Error {
    /// A request that makes no sense.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid(message.into())
    }

    /// No network has that name or id.
    pub fn no_such_network(reference: impl Into<String>) -> Self {
        Self::NotFound {
            kind: "network",
            reference: reference.into(),
        }
    }

    /// No sandbox of another runtime has that name or id.
    pub fn no_such_sandbox(reference: impl Into<String>) -> Self {
        Self::NotFound {
            kind: "sandbox",
            reference: reference.into(),
        }
    }

    /// The class it is of.
    pub fn class(&self) -> Class {
        match self {
            Self::NotModified(_) => Class::NotModified,
            Self::Driver {
                source: DriverError::MultipleSubnets { .. } | DriverError::NetworkFull { .. },
                ..
            } => Class::Forbidden,
            Self::Invalid(_) | Self::Ambiguous { .. } | Self::Driver { .. } => Class::Invalid,
            Self::Forbidden(_) => Class::Forbidden,
            Self::NotFound { .. }
            | Self::NoSuchContainer(_)
            | Self::NoSuchFile { .. }
            | Self::NoSuchVolume(_)
            | Self::NoSuchExec(_)
            | Self::WrongPlatform { .. }
            | Self::NoManifestFor { .. }
            | Self::NotHere(_)
            | Self::NoSuchTag(_) => Class::NotFound,
            Self::Plugin(PluginError::NotFound { .. }) => Class::NotFound,
            Self::Conflict(_) => Class::Conflict,
            Self::Unsupported(_) => Class::Unsupported,
            Self::Kernel(KernelError::NoBridge { .. }) => Class::Invalid,
            Self::Runtime(error) => runtime_class(error),
            Self::Ipam(error) => ipam_class(error),
            Self::Image(error) => image_class(error),
            Self::Registry(error) => registry_class(error),
            Self::Root(RootError::NoDirectory(_)) => Class::Invalid,
            _ => Class::Failed,
        }
    }

    /// The same failure, with what it happened in said before it; its class stays.
    pub fn within(self, what: &str) -> Self {
        match self {
            Self::Invalid(text) => Self::Invalid(format!("{what}: {text}")),
            Self::Conflict(text) => Self::Conflict(format!("{what}: {text}")),
            Self::Failed(text) => Self::Failed(format!("{what}: {text}")),
            other => other,
        }
    }

    /// The whole chain of causes in one line, said once, at the edge.
    pub fn chain(&self) -> String {
        chain(self)
    }
}

/// An error and all its causes in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn ipam_class(error: &IpamError) -> Class {
    match error.kind() {
        rnet_ipam::Kind::Invalid | rnet_ipam::Kind::NoSubnetLeft => Class::Invalid,
        rnet_ipam::Kind::InUse => Class::Forbidden,
        rnet_ipam::Kind::NoAddressLeft => Class::Failed,
    }
}

fn image_class(error: &ImageError) -> Class {
    match error {
        ImageError::NoSuchImage(_) => Class::NotFound,
        ImageError::SeveralNames { .. } => Class::Conflict,
        ImageError::InvalidReference(_)
        | ImageError::Ambiguous { .. }
        | ImageError::Compression { .. }
        | ImageError::Truncated
        | ImageError::Archive { .. }
        | ImageError::RefusedEntry { .. }
        | ImageError::NoImage
        | ImageError::Document { .. }
        | ImageError::Digest { .. }
        | ImageError::TooLarge { .. } => Class::Invalid,
        _ => Class::Failed,
    }
}

const fn registry_class(error: &RegistryError) -> Class {
    match error {
        RegistryError::NoManifest { .. }
        | RegistryError::NoRepository { .. }
        | RegistryError::Denied { .. } => Class::NotFound,
        RegistryError::Login { .. } | RegistryError::Anonymous { .. } => Class::Unauthorized,
        RegistryError::Name(_) => Class::Invalid,
        _ => Class::Failed,
    }
}

fn runtime_class(error: &RuntimeError) -> Class {
    match error {
        RuntimeError::Command { .. }
        | RuntimeError::UnknownUser { .. }
        | RuntimeError::InvalidSpec { .. }
        | RuntimeError::UnsupportedLimit { .. } => Class::Invalid,
        RuntimeError::NotRunning { .. } | RuntimeError::AlreadyStarted { .. } => Class::Conflict,
        _ => Class::Failed,
    }
}
