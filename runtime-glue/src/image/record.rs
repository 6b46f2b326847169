//! An image's file: what the store knows about it, around the configuration that its id is the digest of.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Digest, History, Image, ImageConfig, ImageError, Pinned, Reference};

/// The layers an image may have (moby, layer/layer_store.go, `maxLayerDepth`, less the container's own).
const MAX_LAYERS: usize = 127;

/// The content of an image's file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct Record {
    /// Its names, each with the moment it was given: of two images with one name, the later owns it.
    pub(super) references: BTreeMap<Reference, Timestamp>,
    /// The manifests of registries that it was pulled as or pushed to.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) digests: BTreeSet<Pinned>,
    /// The bytes in the files of its layers.
    pub(super) size: u64,
    /// The bytes in the files of each layer; nothing where that is the only one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sizes: Vec<u64>,
    /// The configuration, byte for byte.
    config: Box<RawValue>,
    /// The white space behind it that its digest is of as well.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    end: String,
}

/// The configuration (OCI image specification, `config.md`).
#[derive(Serialize, Deserialize)]
struct Configuration {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    author: String,
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
            created: Some(created),
            author: String::new(),
            architecture: architecture().to_owned(),
            os: "linux".to_owned(),
            config,
            rootfs: RootFs {
                r#type: "layers".to_owned(),
                diff_ids: vec![layer],
            },
            history: vec![History {
                created: Some(created),
                comment,
                ..History::default()
            }],
        };
        let config = serde_json::value::to_raw_value(&configuration)
            .expect("texts, times and digests have a JSON form");
        let id = Digest::of(config.get().as_bytes());
        (
            id,
            Self {
                references: BTreeMap::new(),
                digests: BTreeSet::new(),
                size,
                sizes: Vec::new(),
                config,
                end: String::new(),
            },
        )
    }

    /// The record of an image that was made elsewhere, of its configuration and the bytes in each layer; and its id.
    pub(super) fn loaded(config: &str, sizes: Vec<u64>) -> Result<(Digest, Self), String> {
        let id = Digest::of(config.as_bytes());
        let end = config[config.trim_end().len()..].to_owned();
        let config: Box<RawValue> =
            serde_json::from_str(config).map_err(|error| error.to_string())?;
        let record = Self {
            references: BTreeMap::new(),
            digests: BTreeSet::new(),
            size: sizes.iter().sum(),
            sizes,
            config,
            end,
        };
        if record.id() != id {
            return Err("it begins with white space".to_owned());
        }
        Ok((id, record))
    }

    /// The digest of the configuration.
    fn id(&self) -> Digest {
        Digest::of(self.configuration().as_bytes())
    }

    /// The configuration as it came.
    pub(super) fn configuration(&self) -> String {
        format!("{}{}", self.config.get(), self.end)
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
        if record.id() != id {
            return Err(damaged(io::Error::other(
                "its configuration has another digest",
            )));
        }
        Configuration::parse(record.config.get()).map_err(|e| damaged(e.into()))?;
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
        let configuration = Configuration::parse(self.config.get())
            .expect("it was checked when it was read, or written here");
        let layer_sizes = match &self.sizes[..] {
            [] => vec![self.size],
            sizes => sizes.to_vec(),
        };
        Image {
            id,
            references: self.references.keys().cloned().collect(),
            digests: self.digests.iter().cloned().collect(),
            created: configuration.created.unwrap_or_default(),
            size: self.size,
            comment: configuration
                .history
                .last()
                .map_or_else(String::new, |step| step.comment.clone()),
            author: configuration.author,
            history: configuration.history,
            layer_sizes,
            architecture: configuration.architecture,
            config: configuration.config,
            diff_ids: configuration.rootfs.diff_ids,
        }
    }
}

/// What the store must know of a configuration before it takes it in: the layers it is made of.
///
/// # Errors
///
/// In words: what is wrong with it.
pub(super) fn check(config: &str) -> Result<Vec<Digest>, String> {
    let configuration = Configuration::parse(config).map_err(|error| error.to_string())?;
    let os = &configuration.os;
    if os != "linux" {
        return Err(format!("its operating system is {os:?}, not linux"));
    }
    match configuration.rootfs.diff_ids.len() {
        0 => Err("it has no layers".to_owned()),
        1..=MAX_LAYERS => Ok(configuration.rootfs.diff_ids),
        _ => Err("max depth exceeded: it has more than 127 layers".to_owned()),
    }
}

impl Configuration {
    /// Reads a configuration; null means nothing in it, as to the programs that write it.
    fn parse(text: &str) -> serde_json::Result<Self> {
        let mut value: Value = serde_json::from_str(text)?;
        drop_nulls(&mut value);
        serde_json::from_value(value)
    }
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// Makes a change of names in the directory of `path` last.
pub(super) fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().ok_or(ErrorKind::InvalidInput)?;
    File::open(parent)?.sync_all()
}

/// This machine's architecture by its name in the OCI image specification.
pub fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        other => other,
    }
}
