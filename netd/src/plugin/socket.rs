//! The socket that dockerd finds rnet by.

use std::future::IntoFuture;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{fs, future};

use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;

use super::router;
use crate::daemon::Daemon;

/// How long calls under way have to finish once the door closes.
const DRAIN: Duration = Duration::from_secs(15);

/// A socket in the directory of dockerd's plugins; gone when dropped, with the directories that were made for it.
#[derive(Debug)]
pub struct Door {
    listener: Option<UnixListener>,
    path: PathBuf,
    /// The innermost first.
    made: Vec<PathBuf>,
}

impl Door {
    /// Listens there, in place of a socket that a dead daemon left; to be called inside a runtime.
    pub fn open(path: &Path) -> io::Result<Self> {
        if UnixStream::connect(path).is_ok() {
            let taken = "another netd serves it: give this one another --plugin-socket, or none";
            return Err(io::Error::new(io::ErrorKind::AddrInUse, taken));
        }
        let mut door = Self {
            listener: None,
            path: path.to_owned(),
            made: Vec::new(),
        };
        let missing = path.ancestors().skip(1).take_while(|it| !it.exists());
        for directory in missing.collect::<Vec<_>>().into_iter().rev() {
            fs::create_dir(directory)?;
            door.made.insert(0, directory.to_owned());
        }
        if fs::metadata(path).is_ok_and(|file| file.file_type().is_socket()) {
            fs::remove_file(path)?;
            // it died before it could remove them
            let dead_daemons = path.ancestors().skip(1).filter(|it| is_dockers(it));
            door.made = dead_daemons.map(Path::to_owned).collect();
        }
        door.listener = Some(UnixListener::bind(path)?);
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        Ok(door)
    }

    /// Serves until `shutdown`; calls under way are finished.
    pub async fn serve(mut self, daemon: Arc<Daemon>, shutdown: CancellationToken) {
        let Some(listener) = self.listener.take() else {
            return future::pending().await;
        };
        let served = axum::serve(listener, router(daemon));
        let served = served.with_graceful_shutdown(shutdown.clone().cancelled_owned());
        let late = async {
            shutdown.cancelled().await;
            tokio::time::sleep(DRAIN).await;
        };
        tokio::select! {
            served = served.into_future() => {
                if let Err(error) = served {
                    tracing::error!("dockerd is not served any more: {error}");
                }
            }
            () = late => tracing::warn!("calls of dockerd's did not finish in time and are cut off"),
        }
    }
}

/// Whether dockerd looks for plugins there, or below: with nothing in it, it is as good as not there.
fn is_dockers(directory: &Path) -> bool {
    ["/run/docker/plugins", "/run/docker"]
        .map(Path::new)
        .contains(&directory)
}

impl Drop for Door {
    fn drop(&mut self) {
        // a directory that somebody else uses meanwhile is not empty, and stays
        let _ = fs::remove_file(&self.path);
        self.made.iter().for_each(|it| _ = fs::remove_dir(it));
    }
}
