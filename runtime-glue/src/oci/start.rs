//! `start`: lets the program run of a container that was created.

use super::state::{Container, Status, Store};
use super::{door, hooks, log, remove};
use crate::RuntimeError;

/// Starts a container.
pub(super) fn start(store: &Store, id: &str) -> Result<(), RuntimeError> {
    let container = store.find(id)?;
    match container.status()? {
        Status::Created => open(&container),
        status => Err(RuntimeError::WrongStatus {
            operation: "start",
            id: id.to_owned(),
            status: format!("{status:?}").to_lowercase(),
        }),
    }
}

/// Lets its first process go on, and tells those that want to know.
pub(super) fn open(container: &Container) -> Result<(), RuntimeError> {
    if !door::start(&container.directory)? {
        return Err(RuntimeError::WrongStatus {
            operation: "start",
            id: container.record.id.clone(),
            status: "running or has ended".to_owned(),
        });
    }
    let poststart = &container.config.hooks.poststart;
    hooks::run("poststart", poststart, container, Status::Running).inspect_err(|_| {
        if let Err(error) = remove::kill(container) {
            log::warn(&error.chain());
        }
    })
}
