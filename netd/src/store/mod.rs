//! Where the state survives a crash.

mod durable;

pub use durable::Durable;

use std::path::PathBuf;

use crate::state::{Change, State};

/// Keeps the state.
///
/// **Contract:** when [`Store::commit`] returns, its changes survive a crash of the daemon, all of them together;
/// when it fails, none of them was made.
pub trait Store: Send + Sync {
    /// The state as the last commit left it.
    fn load(&self) -> Result<State, StoreError>;

    /// Makes changes last.
    fn commit(&self, changes: &[Change]) -> Result<(), StoreError>;
}

/// A store operation that failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The directory cannot be made or read.
    #[error("cannot use directory {}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Another daemon holds it.
    #[error("store {} is in use by another netd: stop it, or give this one a --state-dir and --run-dir of its own", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file is not what the last commit left.
    #[error("store {} is damaged; nothing was changed: restore it from a backup, or move it away to begin with no networks and no containers", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// A record of the file cannot be read.
    #[error("store {} holds a damaged record {table}/{key}; nothing was changed: restore the file from a backup", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// The table.
        table: String,
        /// The record's key.
        key: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The file was written by a newer rnet.
    #[error("store {} has format {found}, and this netd knows formats up to {known}: run the netd that wrote it, or a newer one", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The file's format.
        found: u64,
        /// The newest format known here.
        known: u64,
    },
    /// It cannot be written.
    #[error("cannot write store {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
