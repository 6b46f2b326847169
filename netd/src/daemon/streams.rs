//! The standard streams of containers: shared with clients at once, or from the moment a container starts.
//!
//! Clients attach before they start a container, so that they miss nothing of its output: they are put through
//! between the making of its first process and the start of its program.

use std::collections::HashMap;
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rnet_model::ContainerId;
use rnet_runtime_glue::{AttachOptions, RuntimeError};
use tokio::sync::oneshot;

use super::Daemon;
use crate::container::Container;
use crate::error::{Result, chain};

/// Where a client gets its stream: nothing comes when the container's start failed.
pub type Attachment = oneshot::Receiver<UnixStream>;

type Waiter = (AttachOptions, oneshot::Sender<UnixStream>);

/// Clients that wait for a container to start.
#[derive(Default)]
pub(super) struct Waiters(Mutex<HashMap<ContainerId, Vec<Waiter>>>);

impl Waiters {
    fn lock(&self) -> MutexGuard<'_, HashMap<ContainerId, Vec<Waiter>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Daemon {
    /// Shares the standard streams of a container: of the present run, or else of the next.
    pub fn attach(&self, reference: &str, options: AttachOptions) -> Result<Attachment> {
        let container = self.find_container(reference)?;
        let id = container.id;
        self.tell_of_container("attach", &container, []);
        // the lock orders this with a start: either it finds the client waiting, or the client finds it running
        let (waiter, attachment) = oneshot::channel();
        self.lives.hold(id, || {
            if self.find_container(&id.to_string())?.run.is_running() {
                // a client that is gone already is nobody to tell
                let _ = waiter.send(self.runtime.attach(&id, options)?);
                return Ok(attachment);
            }
            let mut waiters = self.waiters.lock();
            waiters.retain(|_, all| {
                all.retain(|(_, waiter)| !waiter.is_closed());
                !all.is_empty()
            });
            waiters.entry(id).or_default().push((options, waiter));
            Ok(attachment)
        })
    }

    /// Makes the streams of a program about to start ready: its terminal has a size, waiting clients are put through.
    pub(super) fn open_streams(&self, container: &Container) {
        let id = container.id;
        let size = console_size(container.host_config.console_size.as_deref());
        if let Some((rows, columns)) = size.filter(|_| container.config.tty.unwrap_or(false)) {
            self.try_stream(id, || self.runtime.resize(&id, None, rows, columns));
        }
        let waiters = self.waiters.lock().remove(&id);
        for (options, waiter) in waiters.into_iter().flatten() {
            self.try_stream(id, || {
                self.runtime
                    .attach(&id, options)
                    .map(|it| drop(waiter.send(it)))
            });
        }
    }

    /// Tells a terminal its size.
    pub fn resize(&self, reference: &str, rows: u16, columns: u16) -> Result<()> {
        let id = self.find_container(reference)?.id;
        Ok(self.runtime.resize(&id, None, rows, columns)?)
    }

    /// Does what a container can run without.
    fn try_stream(&self, id: ContainerId, work: impl FnOnce() -> Result<(), RuntimeError>) {
        if let Err(error) = work() {
            tracing::warn!(
                container = id.short(),
                "a stream is not as asked for: {}",
                chain(&error)
            );
        }
    }
}

/// The rows and columns in a body's `ConsoleSize`; what is zero is not known.
pub(super) fn console_size(size: Option<&[usize]>) -> Option<(u16, u16)> {
    let [rows, columns] = *size? else { return None };
    let known = |cells: usize| u16::try_from(cells).ok().filter(|cells| *cells > 0);
    known(rows).zip(known(columns))
}
