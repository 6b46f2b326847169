//! The words of the command line, each parsed before anything is asked of the daemon.

pub(crate) mod attachment;
pub(crate) mod device;
pub(crate) mod env;
pub(crate) mod host_entry;
pub(crate) mod moment;
pub(crate) mod mount;
pub(crate) mod pair;
pub(crate) mod ports;
pub(crate) mod restart;
pub(crate) mod units;
pub(crate) mod volume;

/// Why a value is refused; the flag and the value stand before it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refused(String);

impl Refused {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}
