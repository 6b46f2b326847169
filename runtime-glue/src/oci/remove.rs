//! `delete`: the end of a container, whatever was left of it.

use std::fs;
use std::time::Duration;

use super::hooks;
use super::log;
use super::state::{Container, Status, Store};
use crate::RuntimeError;

/// How long a process may take to end that was killed.
const PATIENCE: Duration = Duration::from_secs(10);

/// Removes a container that has ended; with `force` any, and one that is not there is a success.
pub(super) fn delete(store: &Store, id: &str, force: bool) -> Result<(), RuntimeError> {
    let container = match store.find(id) {
        // what a runtime left that was killed before it had anything to remember
        Err(error) => match (store.leftover(id)?, &error) {
            (Some(directory), RuntimeError::NoBundle { .. }) => {
                return fs::remove_dir_all(&directory)
                    .map_err(RuntimeError::file("remove", directory));
            }
            (None, RuntimeError::NoBundle { .. }) if force => return Ok(()),
            _ => return Err(error),
        },
        found => found?,
    };
    let status = container.status()?;
    let ready = matches!(status, Status::Stopped | Status::Created);
    if !(force || ready) {
        return Err(RuntimeError::WrongStatus {
            operation: "delete",
            id: id.to_owned(),
            status: format!(
                "{}: it is not stopped; end it first, or use --force",
                format!("{status:?}").to_lowercase()
            ),
        });
    }
    clean(&container)?;
    for error in hooks::run_all(
        "poststop",
        &container.config.hooks.poststop,
        &container,
        Status::Stopped,
    ) {
        log::warn(&error.chain());
    }
    Ok(())
}

/// Ends every process of a container, and removes its control groups and its record.
pub(super) fn clean(container: &Container) -> Result<(), RuntimeError> {
    let killed = kill(container);
    let removed = container.cgroup().and_then(|cgroup| cgroup.remove_alone());
    killed.and(removed)?;
    fs::remove_dir_all(&container.directory)
        .map_err(RuntimeError::file("remove", &container.directory))
}

/// Ends every process of a container.
pub(super) fn kill(container: &Container) -> Result<(), RuntimeError> {
    let killed = container.cgroup()?.kill();
    // one that died before it was in its control group is there by its number only
    let init = container.record.init.and_then(|init| init.descriptor());
    if let Some(pidfd) = init {
        use std::os::fd::AsFd;
        let _ = crate::sys::send_signal(pidfd.as_fd(), libc::SIGKILL);
        crate::runtime::ends_within(&pidfd, PATIENCE);
    }
    killed
}
