//! Containers' output on disk, in Docker's `json-file` format: one JSON object a line.
//!
//! ```text
//! {"log":"hello\n","stream":"stdout","time":"2026-01-02T03:04:05.678901234Z"}
//! ```
//!
//! Source of the format: moby `daemon/logger/jsonfilelog`, and of splitting long lines: `daemon/logger/copier.go`.

mod lines;
mod reader;
#[cfg(test)]
mod rotated_tests;
mod rotation;
mod settings;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use reader::{LogQuery, LogReader};
pub use settings::LogSettings;
pub use writer::LogWriter;

/// The longest record's text in bytes; a longer line becomes several records, of which only the last ends with a
/// newline.
pub const MAX_RECORD: usize = 16 * 1024;

/// Which of a container's outputs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Standard output; with a terminal, all of it.
    Stdout,
    /// Standard error.
    Stderr,
}

/// One record.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct Entry {
    /// A line with its newline, or a piece of one without; bytes that are not UTF-8 were replaced by U+FFFD.
    pub log: String,
    /// Where the container wrote it.
    pub stream: Stream,
    /// What is noted with every record of its container.
    #[serde(default)]
    pub attrs: BTreeMap<String, String>,
    /// When it was recorded.
    pub time: Timestamp,
}

/// What can go wrong with a log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file cannot be opened, or its torn end cannot be cut off.
    #[error("cannot open log {}", path.display())]
    Open {
        /// The log.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A record cannot be appended; nothing of it stays in the file.
    #[error("cannot append to log {}", path.display())]
    Append {
        /// The log.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another file cannot be begun, or the one before not packed; the one there is grows on.
    #[error("cannot rotate log {}", path.display())]
    Rotate {
        /// The log.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file cannot be read on.
    #[error("cannot read log {}", path.display())]
    Read {
        /// The log.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}
