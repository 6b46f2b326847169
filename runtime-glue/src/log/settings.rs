//! Where a container's output is recorded, and how much of it is kept.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where a container's output is recorded, and how much of it is kept.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogSettings {
    /// The file that is written to; those before it have `.1`, `.2`, … behind its name, and `.gz` where they are packed.
    pub path: PathBuf,
    /// How many bytes it may have before another one is begun; none lets it grow.
    pub max_size: Option<u64>,
    /// How many files there are at most, the one being written included; at least 1.
    pub max_files: u32,
    /// Whether those before it are packed (gzip).
    pub compress: bool,
    /// What is noted with every record.
    pub attributes: BTreeMap<String, String>,
}

impl LogSettings {
    /// One file, which grows.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            max_size: None,
            max_files: 1,
            compress: false,
            attributes: BTreeMap::new(),
        }
    }
}
