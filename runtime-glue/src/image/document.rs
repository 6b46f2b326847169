//! What an archive of images says about itself: the manifest of `docker save`, or the index of an OCI layout.
//!
//! Sources: moby, image/spec/spec.md, "Combined Image JSON"; OCI image specification, `image-layout.md`,
//! `image-index.md` and `manifest.md`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::record::architecture;
use super::spool::{Part, Spool};
use super::{Digest, ImageError, Reference};

/// How deep indexes may lie in indexes.
const DEEPEST_INDEX: usize = 3;

/// An image of an archive: where its parts are, and its names.
pub(super) struct Listed {
    pub(super) config: Part,
    pub(super) layers: Vec<Part>,
    pub(super) references: Vec<Reference>,
}

/// An image in `manifest.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    repo_tags: Option<Vec<Reference>>,
    layers: Vec<String>,
}

#[derive(Deserialize)]
struct Index {
    manifests: Vec<Descriptor>,
}

#[derive(Deserialize)]
struct Manifest {
    config: Descriptor,
    layers: Vec<Descriptor>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    #[serde(default)]
    media_type: String,
    digest: Digest,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
    platform: Option<Platform>,
}

#[derive(Deserialize)]
struct Platform {
    os: String,
    architecture: String,
}

/// The images of an archive.
pub(super) fn images(spool: &Spool) -> Result<Vec<Listed>, ImageError> {
    if let Some(bytes) = spool.find("manifest.json")? {
        let images: Vec<Saved> = parse("manifest.json", &bytes)?;
        return Ok(images.into_iter().map(Listed::from).collect());
    }
    let Some(bytes) = spool.find("index.json")? else {
        return Err(ImageError::NoImage);
    };
    let mut found = Vec::new();
    let index = parse("index.json", &bytes)?;
    read_index(spool, index, &[], DEEPEST_INDEX, &mut found)?;
    Ok(found)
}

/// Gathers the images of an index that this machine can run.
fn read_index(
    spool: &Spool,
    index: Index,
    names: &[Reference],
    depth: usize,
    found: &mut Vec<Listed>,
) -> Result<(), ImageError> {
    for descriptor in index.manifests.iter().filter(|it| it.can_run()) {
        let part = descriptor.part();
        let document = spool.document(&part)?;
        let own = descriptor.names();
        let references = if own.is_empty() { names.to_vec() } else { own };
        if descriptor.is_index() {
            let deeper = depth.checked_sub(1).ok_or_else(|| ImageError::Document {
                name: part.path.clone(),
                reason: "it is an index in an index in an index".to_owned(),
            })?;
            let index = parse(&part.path, &document)?;
            read_index(spool, index, &references, deeper, found)?;
            continue;
        }
        let manifest: Manifest = parse(&part.path, &document)?;
        found.push(Listed {
            config: manifest.config.part(),
            layers: manifest.layers.iter().map(Descriptor::part).collect(),
            references,
        });
    }
    Ok(())
}

fn parse<T: DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<T, ImageError> {
    serde_json::from_slice(bytes).map_err(|error| ImageError::Document {
        name: name.to_owned(),
        reason: error.to_string(),
    })
}

impl From<Saved> for Listed {
    fn from(saved: Saved) -> Self {
        let part = |path| Part { path, digest: None };
        Self {
            config: part(saved.config),
            layers: saved.layers.into_iter().map(part).collect(),
            references: saved.repo_tags.unwrap_or_default(),
        }
    }
}

impl Descriptor {
    fn part(&self) -> Part {
        Part {
            path: format!("blobs/sha256/{}", self.digest.hex()),
            digest: Some(self.digest),
        }
    }

    fn is_index(&self) -> bool {
        let media_type = self.media_type.as_str();
        media_type.ends_with(".image.index.v1+json")
            || media_type.ends_with(".manifest.list.v2+json")
    }

    /// Whether it is an image for this machine, or does not say for which: attestations say `unknown`.
    fn can_run(&self) -> bool {
        self.platform
            .as_ref()
            .is_none_or(|it| it.os == "linux" && it.architecture == architecture())
    }

    /// The name that containerd, podman or skopeo gave it; a tag alone names nothing.
    fn names(&self) -> Vec<Reference> {
        let annotation = |key: &str| self.annotations.as_ref()?.get(key);
        let whole = annotation("io.containerd.image.name");
        let name = whole.or_else(|| {
            annotation("org.opencontainers.image.ref.name").filter(|it| it.contains(['/', ':']))
        });
        name.and_then(|name| name.parse().ok())
            .into_iter()
            .collect()
    }
}
