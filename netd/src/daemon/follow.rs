//! Containers that run follow the host's resolv.conf: their resolvers ask its servers, their files say what it says.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::unistd::read;
use rnet_model::ContainerId;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::Daemon;
use super::resolve::{HOST_RESOLV_CONF, host_resolv_conf, reachable_resolv_conf};
use crate::error::chain;
use crate::fd::watched;

/// As many links as the kernel follows (path_resolution(7)).
const MAX_LINKS: usize = 40;

impl Daemon {
    /// Follows the host's resolv.conf for as long as it is polled; nothing wakes it up while nothing changes.
    pub async fn follow_host(self: Arc<Self>) -> io::Result<()> {
        let host = || (host_resolv_conf(), reachable_resolv_conf());
        // it may have changed while no daemon was there
        let (changes, mut known) = (Changes::new()?, None);
        loop {
            changes.watch([HOST_RESOLV_CONF, rnet_dns::RESOLVED_FILE].map(Path::new));
            // what changed before it was watched is seen here
            let now = Some(host());
            if now == known {
                changes.next().await?;
                continue;
            }
            known = now;
            let daemon = Arc::clone(&self);
            let followed = tokio::task::spawn_blocking(move || daemon.follow());
            followed.await.map_err(io::Error::other)?;
        }
    }

    fn follow(&self) {
        self.refresh_views();
        let running: Vec<ContainerId> = self.read(|state| {
            let running = state.containers().filter(|it| it.run.is_running());
            running.map(|container| container.id).collect()
        });
        for id in running {
            let rewritten = self
                .lives
                .hold(id, || match self.find_container(&id.to_string()) {
                    Ok(container) if container.run.is_running() => {
                        self.write_resolv_conf(&container)
                    }
                    // it has ended meanwhile
                    _ => Ok(()),
                });
            if let Err(error) = rewritten {
                tracing::warn!(container = id.short(), "{}", chain(&error));
            }
        }
    }
}

/// Notices that files are written to, replaced, or come to be (inotify(7)).
struct Changes {
    inotify: Inotify,
    readable: AsyncFd<OwnedFd>,
}

impl Changes {
    fn new() -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        let readable = watched(inotify.as_fd().try_clone_to_owned()?, Interest::READABLE)?;
        Ok(Self { inotify, readable })
    }

    /// Watches `files` from now on, and every directory that decides which files these are.
    ///
    /// It is repeated after each change: what is watched already is not watched twice. What was watched and matters no
    /// more goes on waking us up, which costs little and does not happen often.
    fn watch<'a>(&self, files: impl IntoIterator<Item = &'a Path>) {
        let entries = AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_MOVE
            | AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_MOVE_SELF;
        for file in files {
            for path in ways_to(file) {
                if let Err(error) = self.inotify.add_watch(&path, entries) {
                    tracing::debug!(path = %path.display(), %error, "not watched");
                }
            }
        }
    }

    /// Waits until something has changed since the last time.
    async fn next(&self) -> io::Result<()> {
        let mut changed = self.readable.readable().await?;
        // which it was is found out by looking
        let mut events = [0; 4096];
        while read(self.readable.get_ref(), &mut events).is_ok_and(|length| length > 0) {}
        changed.clear_ready();
        Ok(())
    }
}

/// What decides what is read at `path`: the directory of each link on the way, or the nearest there is, and the file
/// itself, which may be mounted from elsewhere.
fn ways_to(path: &Path) -> Vec<PathBuf> {
    let mut ways = Vec::new();
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let directory = path.ancestors().skip(1).find(|it| it.is_dir());
        ways.extend(directory.map(Path::to_owned));
        match (fs::read_link(&path), path.parent()) {
            (Ok(target), Some(directory)) => path = directory.join(target),
            _ => break,
        }
    }
    ways.extend(path.is_file().then_some(path));
    ways
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// Lets something happen to a file, and waits until that is noticed.
    async fn notices(changes: &Changes, file: &Path, happens: impl FnOnce()) {
        changes.watch([file]);
        happens();
        changes.next().await.unwrap();
    }

    #[tokio::test]
    async fn a_file_is_followed_however_it_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let write = |name: &str| fs::write(at(name), "nameserver 10.0.0.1\n").unwrap();
        fs::create_dir(at("run")).unwrap();
        fs::create_dir(at("other")).unwrap();
        let (file, changes) = (at("etc/resolv.conf"), Changes::new().unwrap());
        let renamed = |name: &str| fs::rename(at(name), &file).unwrap();

        notices(&changes, &file, || fs::create_dir(at("etc")).unwrap()).await;
        notices(&changes, &file, || write("etc/resolv.conf")).await;
        notices(&changes, &file, || write("etc/resolv.conf")).await;
        write("other/new");
        notices(&changes, &file, || renamed("other/new")).await;
        symlink("../run/stub", at("other/link")).unwrap();
        notices(&changes, &file, || renamed("other/link")).await;
        notices(&changes, &file, || write("run/stub")).await;
        // a file that is mounted over another is written to elsewhere
        fs::hard_link(at("run/stub"), at("other/source")).unwrap();
        notices(&changes, &file, || write("other/source")).await;
    }
}
