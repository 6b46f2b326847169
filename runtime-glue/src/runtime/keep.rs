//! Descriptors that a container's monitor holds, so that they stay open while there is no daemon.

use std::os::fd::{BorrowedFd, OwnedFd};

use rnet_model::ContainerId;

use super::Runtime;
use crate::RuntimeError;
use crate::wire::Request;

impl Runtime {
    /// Lets the monitor of a container hold copies of `descriptors`, four at most, until it ends; it gives up those it
    /// held before.
    pub fn keep(
        &self,
        id: &ContainerId,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<(), RuntimeError> {
        self.ask("leave descriptors with", id, &Request::Keep, descriptors)
            .map(drop)
    }

    /// Copies of what the monitor of a container holds, in the order it was given; none if it was given nothing.
    ///
    /// A monitor of an earlier version refuses.
    pub fn kept(&self, id: &ContainerId) -> Result<Vec<OwnedFd>, RuntimeError> {
        self.ask("take descriptors from", id, &Request::Kept, &[])
            .map(|(.., descriptors)| descriptors)
    }
}
