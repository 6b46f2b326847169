//! Images: root file systems to start containers from, each layer in a directory of its own for overlayfs.
//!
//! ```text
//! DIR/images/<id>.json     one file an image: its names, its size and its configuration, whose sha256 is <id>
//! DIR/layers/<diff id>/    an unpacked layer; the diff id is the sha256 of its uncompressed archive
//! DIR/skeletons/<diff id>  what that archive had around the content of files, so that it can be written again
//! DIR/tmp/                 what is being made or removed; emptied when the store is opened
//! ```
//!
//! Source of the words: the OCI image specification, `config.md`, and Docker's `docker import`.

mod attributes;
mod bounded;
mod catalog;
mod changes;
mod commit;
mod complete;
mod compression;
mod copy;
mod digest;
mod disk;
mod document;
mod error;
mod layer;
mod load;
mod name;
mod pack;
mod record;
mod reference;
mod remove;
mod root;
mod save;
mod skeleton;
mod spool;
mod store;
mod tree;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use changes::{Change, changes};
pub use commit::Commit;
pub use complete::{Arrived, Gathered, Names, layers_of};
pub use digest::{Digest, InvalidDigest};
pub use error::ImageError;
pub use load::Step;
pub use name::{Name, Pinned};
pub use record::architecture;
pub use reference::{InvalidReference, Reference};
pub use remove::Removed;
pub use root::{About, Root, RootError};
pub use save::Selection;
pub use store::{ImageStore, Import};

/// An image of the store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Image {
    /// The digest of its configuration.
    pub id: Digest,
    /// Its names, in alphabetical order; an image can do without.
    pub references: Vec<Reference>,
    /// The manifests of registries that it was pulled as or pushed to.
    pub digests: Vec<Pinned>,
    /// When it was imported.
    pub created: Timestamp,
    /// The bytes in the files of its layers.
    pub size: u64,
    /// Where it came from, for people.
    pub comment: String,
    /// Who made it.
    pub author: String,
    /// The architecture its programs are for, by the names of the OCI image specification (`amd64`).
    pub architecture: String,
    /// What containers made from it start with.
    pub config: ImageConfig,
    /// Its layers, the lowest first.
    pub diff_ids: Vec<Digest>,
    /// The bytes in the files of each layer.
    pub layer_sizes: Vec<u64>,
    /// How it came to be, the oldest step first.
    pub history: Vec<History>,
}

/// A step in the making of an image.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct History {
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// The command.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub created_by: String,
    /// For people.
    pub comment: String,
    /// Whether it made no layer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub empty_layer: bool,
}

/// What containers made from an image start with, where they do not say otherwise.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ImageConfig {
    /// `user[:group]`; empty for root.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// Ports that are meant to be published, as `80/tcp`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub exposed_ports: BTreeMap<String, Empty>,
    /// `NAME=value` each.
    pub env: Vec<String>,
    /// The command, before its arguments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entrypoint: Vec<String>,
    /// The arguments of the entrypoint; without one, command and arguments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cmd: Vec<String>,
    /// The directory to start in; empty for the root.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub working_dir: String,
    /// Directories that are to be volumes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub volumes: BTreeMap<String, Empty>,
    /// The signal that asks the program to end; empty for SIGTERM.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stop_signal: String,
    /// What a healthcheck in the form of a shell's command is given to; empty for `/bin/sh -c`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shell: Vec<String>,
    /// Free metadata.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// How to find out whether the program does well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<Healthcheck>,
}

/// How to find out whether a program does well (moby, image specification v1.2, `Healthcheck`); times in nanoseconds.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Healthcheck {
    /// `NONE`, or `CMD` or `CMD-SHELL` and what to run.
    pub test: Vec<String>,
    /// Between two probes.
    pub interval: i64,
    /// For one probe.
    pub timeout: i64,
    /// At the beginning, while failures do not count.
    pub start_period: i64,
    /// Between two probes at the beginning.
    pub start_interval: i64,
    /// How many failures in a row mean that it does not.
    pub retries: i64,
}

/// The empty object that the OCI image specification has for the values of its sets.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Empty {}

impl Default for ImageConfig {
    /// Nothing but a `PATH`, as an imported file system has no better one.
    fn default() -> Self {
        Self {
            user: String::new(),
            exposed_ports: BTreeMap::new(),
            env: vec![format!("PATH={}", crate::defaults::PATH)],
            entrypoint: Vec::new(),
            cmd: Vec::new(),
            working_dir: String::new(),
            volumes: BTreeMap::new(),
            stop_signal: String::new(),
            shell: Vec::new(),
            labels: BTreeMap::new(),
            healthcheck: None,
        }
    }
}
