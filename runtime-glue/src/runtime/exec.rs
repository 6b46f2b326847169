//! Taking part in a container: another program in it, or its first one's streams.

use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use rnet_model::ContainerId;

use super::Runtime;
use crate::RuntimeError;
use crate::spec::ExecSpec;
use crate::wire::{self, AttachOptions, Reply, Request};

/// A program that was added to a container.
#[derive(Debug)]
pub struct ExecStream {
    /// Its process, as the host counts.
    pub pid: u32,
    /// Its streams: what is sent is its input, which ends with `shutdown(Write)`; what comes is its output, in Docker's
    /// frames unless it has a terminal, up to end-of-file. Dropped, the program runs on unheard.
    pub stream: UnixStream,
    /// Where its exit code will be told.
    pub exit: ExecExit,
}

/// Where the exit code of a program will be told; it can be waited for as a descriptor that becomes readable.
#[derive(Debug)]
pub struct ExecExit {
    id: ContainerId,
    control: UnixStream,
}

impl Runtime {
    /// Runs another program in a running container, beside its first.
    ///
    /// A program that cannot be run is a [`RuntimeError::Command`].
    pub fn exec(&self, id: &ContainerId, exec: &ExecSpec) -> Result<ExecStream, RuntimeError> {
        let request = Request::Exec(Box::new(exec.clone()));
        let (reply, control, mut descriptors) = self.ask("run a program in", id, &request, &[])?;
        match (reply, descriptors.pop()) {
            (Reply::Running { pid }, Some(descriptor)) => Ok(ExecStream {
                pid,
                stream: UnixStream::from(descriptor),
                exit: ExecExit { id: *id, control },
            }),
            (other, _) => Err(RuntimeError::Refused {
                operation: "run a program in",
                id: *id,
                message: format!("its monitor answered {other:?}"),
            }),
        }
    }

    /// Shares the streams of a container's first process, from now on; it may not be started yet.
    ///
    /// The stream is as that of [`ExecStream`]. A client that does not take the output is cut off once it is a
    /// megabyte behind, for the container does not wait.
    pub fn attach(
        &self,
        id: &ContainerId,
        options: AttachOptions,
    ) -> Result<UnixStream, RuntimeError> {
        self.ask("attach to", id, &Request::Attach(options), &[])
            .map(|(_, stream, _)| stream)
    }
}

impl ExecExit {
    /// Waits for the program's end and returns its exit code: 128 and the signal's number if it was killed.
    pub fn wait(self) -> Result<i32, RuntimeError> {
        match wire::receive::<Reply>(&self.control) {
            Ok((Reply::Exited { code }, _)) => Ok(code),
            Ok((other, _)) => Err(RuntimeError::Refused {
                operation: "learn the exit code of a program in",
                id: self.id,
                message: format!("its monitor answered {other:?}"),
            }),
            Err(source) => Err(RuntimeError::Unreachable {
                operation: "learn the exit code of a program in",
                id: self.id,
                source,
            }),
        }
    }
}

impl AsFd for ExecExit {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.control.as_fd()
    }
}
