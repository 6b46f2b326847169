//! Noticing that a file grows.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::unistd::read;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::fd::watched;

/// A file that is watched (inotify(7)).
pub(super) struct Growth(AsyncFd<OwnedFd>);

impl Growth {
    /// Watches a file from now on.
    pub(super) fn of(file: &Path) -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        inotify.add_watch(file, AddWatchFlags::IN_MODIFY)?;
        watched(inotify.into(), Interest::READABLE).map(Self)
    }

    /// Waits until the file has been written to since the last time.
    pub(super) async fn more(&self) -> io::Result<()> {
        let mut grown = self.0.readable().await?;
        // what it was does not matter: reading it makes room for what comes
        let mut events = [0; 4096];
        while read(self.0.get_ref(), &mut events).is_ok_and(|length| length > 0) {}
        grown.clear_ready();
        Ok(())
    }
}
