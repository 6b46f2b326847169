//! An image's file: what the store knows about it, around the configuration that its id is the digest of.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Digest, Image, ImageConfig, ImageError, Reference};

/// The content of an image's file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct Record {
    /// Its names, each with the moment it was given: of two images with one name, the later owns it.
    pub(super) references: BTreeMap<Reference, Timestamp>,
    /// The bytes in the files of its layers.
    pub(super) size: u64,
    /// The configuration, byte for byte.
    config: Box<RawValue>,
}

/// The configuration (OCI image specification, `config.md`).
#[derive(Serialize, Deserialize)]
struct Configuration {
    created: Timestamp,
    architecture: String,
    os: String,
    #[serde(default)]
    config: ImageConfig,
    rootfs: RootFs,
    #[serde(default)]
    history: Vec<History>,
}

#[derive(Serialize, Deserialize)]
struct RootFs {
    r#type: String,
    diff_ids: Vec<Digest>,
}

#[derive(Serialize, Deserialize)]
struct History {
    created: Timestamp,
    #[serde(default)]
    comment: String,
}

impl Record {
    /// The record of a new image of one layer, without a name yet; and its id.
    pub(super) fn new(
        created: Timestamp,
        config: ImageConfig,
        comment: String,
        layer: Digest,
        size: u64,
    ) -> (Digest, Self) {
        let configuration = Configuration {
            created,
            architecture: architecture().to_owned(),
            os: "linux".to_owned(),
            config,
            rootfs: RootFs {
                r#type: "layers".to_owned(),
                diff_ids: vec![layer],
            },
            history: vec![History { created, comment }],
        };
        let config = serde_json::value::to_raw_value(&configuration)
            .expect("texts, times and digests have a JSON form");
        let id = Digest::of(config.get().as_bytes());
        (
            id,
            Self {
                references: BTreeMap::new(),
                size,
                config,
            },
        )
    }

    /// Reads the file of the image `id` and checks that it is that image.
    pub(super) fn read(path: &Path, id: Digest) -> Result<Self, ImageError> {
        let damaged = |source| ImageError::Damaged {
            path: path.to_owned(),
            source,
        };
        let bytes = fs::read(path).map_err(|source| ImageError::Read {
            path: path.to_owned(),
            source,
        })?;
        let record: Self = serde_json::from_slice(&bytes).map_err(|e| damaged(e.into()))?;
        if Digest::of(record.config.get().as_bytes()) != id {
            return Err(damaged(io::Error::other(
                "its configuration has another digest",
            )));
        }
        serde_json::from_str::<Configuration>(record.config.get())
            .map_err(|e| damaged(e.into()))?;
        Ok(record)
    }

    /// Writes the file, so that after a crash it is the old one or the new one.
    pub(super) fn write(&self, path: &Path, temporary: &Path) -> Result<(), ImageError> {
        let written = || {
            let mut file = File::create(temporary)?;
            serde_json::to_writer(&mut file, self)?;
            file.write_all(b"\n")?;
            file.sync_all()?;
            fs::rename(temporary, path)?;
            sync_parent(path)
        };
        written().map_err(|source| ImageError::Write {
            path: path.to_owned(),
            source,
        })
    }

    /// What the store tells about it.
    pub(super) fn image(&self, id: Digest) -> Image {
        let configuration: Configuration = serde_json::from_str(self.config.get())
            .expect("it was checked when it was read, or written here");
        Image {
            id,
            references: self.references.keys().cloned().collect(),
            created: configuration.created,
            size: self.size,
            comment: configuration
                .history
                .into_iter()
                .next_back()
                .map_or_else(String::new, |h| h.comment),
            architecture: configuration.architecture,
            config: configuration.config,
            diff_ids: configuration.rootfs.diff_ids,
        }
    }
}

/// Makes a change of names in the directory of `path` last.
pub(super) fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().ok_or(ErrorKind::InvalidInput)?;
    File::open(parent)?.sync_all()
}

/// This machine's architecture by its name in the OCI image specification.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        other => other,
    }
}
