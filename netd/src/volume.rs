//! A volume's record, and a container's use of one.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A directory that outlives the containers that use it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Volume {
    /// Its name, unique among volumes.
    pub name: String,
    /// When it was created.
    pub created: Timestamp,
    /// Free metadata.
    pub labels: BTreeMap<String, String>,
    /// Whether nobody named it: it was made for one container, and may go with it.
    pub anonymous: bool,
}

/// Where a container sees a volume.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct VolumeMount {
    /// The volume's name.
    pub volume: String,
    /// The absolute path in the container.
    pub target: String,
    /// Whether the container cannot write to it.
    pub readonly: bool,
}
