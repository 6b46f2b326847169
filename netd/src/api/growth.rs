//! Noticing that a file grows, or that another takes its place.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::unistd::read;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::fd::watched;

/// A file that is watched by its directory (inotify(7)), for it may be replaced.
pub(super) struct Growth(AsyncFd<OwnedFd>);

impl Growth {
    /// Watches a file from now on.
    pub(super) fn of(file: &Path) -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        let changes = AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_MOVED_TO;
        inotify.add_watch(file.parent().unwrap_or(file), changes)?;
        watched(inotify.into(), Interest::READABLE).map(Self)
    }

    /// Waits until the file may have been written to since the last time.
    pub(super) async fn more(&self) -> io::Result<()> {
        let mut grown = self.0.readable().await?;
        // what it was does not matter: reading it makes room for what comes
        let mut events = [0; 4096];
        while read(self.0.get_ref(), &mut events).is_ok_and(|length| length > 0) {}
        grown.clear_ready();
        Ok(())
    }
}
