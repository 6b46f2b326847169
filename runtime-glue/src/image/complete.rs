//! Images that arrive in parts: their layers are made beside the others, and the image is there once all of them are.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use super::catalog::{Records, used_layers};
use super::compression::decompress;
use super::disk::{Temporary, remove_file, remove_tree};
use super::record::{self, Record};
use super::spool::verify;
use super::store::Unpacked;
use super::{Digest, Image, ImageError, ImageStore, Pinned, Reference};

/// A layer that is unpacked beside those of images; gone with the last who holds it, unless an image was made of it.
#[derive(Clone, Debug)]
pub struct Arrived(Arc<Unpacked>);

/// An empty file of the store to gather what arrives in; gone with this.
#[derive(Debug)]
pub struct Gathered(Temporary);

/// What an image is to be known by.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Names {
    /// Its tags, taken from the images that have them.
    pub tags: Vec<Reference>,
    /// The manifest of a registry that it was, or is to be.
    pub digest: Option<Pinned>,
}

/// The layers that a configuration tells of, the lowest first.
pub fn layers_of(config: &str) -> Result<Vec<Digest>, String> {
    record::check(config)
}

impl ImageStore {
    /// Whether an image has that layer.
    pub fn has_layer(&self, layer: Digest) -> bool {
        self.layer(layer).exists()
    }

    /// An empty file that has room for that many bytes.
    pub fn gather(&self, size: u64) -> Result<Gathered, ImageError> {
        let file = self.temporary();
        let directory = file.0.parent().unwrap_or(&file.0);
        if let Some(free) = lacking(directory, size) {
            return Err(ImageError::NoRoom {
                size,
                free,
                directory: directory.to_owned(),
            });
        }
        match File::create(&file.0) {
            Ok(_) => Ok(Gathered(file)),
            Err(source) => Err(ImageError::Write {
                path: file.0.clone(),
                source,
            }),
        }
    }

    /// Unpacks the archive of a layer, plain or compressed, which must be the one that `layer` is the digest of; `name` is
    /// for people.
    pub fn arrive(
        &self,
        name: &str,
        layer: Digest,
        archive: impl Read,
    ) -> Result<Arrived, ImageError> {
        let arrived = self.arrive_new(archive)?;
        verify(name, layer, arrived.digest())?;
        Ok(arrived)
    }

    /// Unpacks the archive of a layer, whatever its digest is.
    pub(super) fn arrive_new(&self, archive: impl Read) -> Result<Arrived, ImageError> {
        let unpacked = self.unpack(decompress(archive)?)?;
        Ok(Arrived(Arc::new(unpacked)))
    }

    /// Makes the image of a configuration; nothing, if layers are missing, for the last image that had one may have
    /// been removed meanwhile.
    pub fn complete(
        &self,
        config: &str,
        arrived: &BTreeMap<Digest, Arrived>,
        names: Names,
    ) -> Result<Option<Image>, ImageError> {
        let invalid = |reason| ImageError::Document {
            name: "configuration".to_owned(),
            reason,
        };
        let layers = record::check(config).map_err(invalid)?;
        let mut records = self.records();
        let sizes = layers.iter().map(|id| match arrived.get(id) {
            Some(layer) => Some(layer.0.layer.size),
            None => size_of(&records, *id),
        });
        let Some(sizes) = sizes.collect::<Option<Vec<_>>>() else {
            return Ok(None);
        };
        let (id, record) = Record::loaded(config, sizes).map_err(invalid)?;
        for layer in &layers {
            if self.layer(*layer).exists() {
                continue;
            }
            // another image took it, and is gone again
            let Some(unpacked) = arrived.get(layer).filter(|it| it.0.is_there()) else {
                self.sweep(&records, &layers);
                return Ok(None);
            };
            self.keep_layer(&unpacked.0)
                .inspect_err(|_| self.sweep(&records, &layers))?;
        }
        let named = self.name(&mut records, id, record, names);
        if named.is_err() {
            self.sweep(&records, &layers);
        }
        named.map(Some)
    }

    fn name(
        &self,
        records: &mut Records,
        id: Digest,
        new: Record,
        names: Names,
    ) -> Result<Image, ImageError> {
        let mut record = records.get(&id).cloned().unwrap_or(new);
        record.digests.extend(names.digest);
        let mut image = self.put(records, id, record, None)?;
        for tag in names.tags {
            let record = records[&id].clone();
            image = self.put(records, id, record, Some(tag))?;
        }
        Ok(image)
    }

    /// The configuration of an image, byte for byte what its id is the digest of.
    pub fn configuration(&self, id: Digest) -> Result<String, ImageError> {
        match self.records().get(&id) {
            Some(record) => Ok(record.configuration()),
            None => Err(ImageError::NoSuchImage(id.to_string())),
        }
    }

    /// Notes the manifest that an image is in a registry.
    pub fn pin(&self, id: Digest, digest: Pinned) -> Result<(), ImageError> {
        let mut records = self.records();
        let Some(mut record) = records.get(&id).cloned() else {
            return Err(ImageError::NoSuchImage(id.to_string()));
        };
        record.digests.insert(digest);
        self.put(&mut records, id, record, None).map(drop)
    }

    /// Removes those of some layers that no image has; what stays is cleared away by the next open.
    fn sweep(&self, records: &Records, layers: &[Digest]) {
        let used = used_layers(records);
        for layer in layers.iter().filter(|layer| !used.contains(layer)) {
            let _ = remove_tree(&self.layer(*layer));
            let _ = remove_file(&self.skeleton(*layer));
        }
    }
}

impl Arrived {
    /// The digest of its archive.
    pub(super) fn digest(&self) -> Digest {
        self.0.layer.diff_id
    }

    /// Whether it is still held, by an image or beside them.
    pub fn is_held(&self, store: &ImageStore) -> bool {
        self.0.is_there() || store.has_layer(self.0.layer.diff_id)
    }
}

impl Gathered {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0.0
    }

    /// Reads it from its beginning.
    pub fn open(&self) -> Result<File, ImageError> {
        File::open(self.path()).map_err(|source| ImageError::Read {
            path: self.path().to_owned(),
            source,
        })
    }
}

/// The bytes that are free, where that is too little.
fn lacking(directory: &Path, size: u64) -> Option<u64> {
    let about = rustix::fs::statvfs(directory).ok()?;
    let free = about.f_bavail.saturating_mul(about.f_frsize);
    (free < size).then_some(free)
}

/// What a layer's files take, as any image that has it knows.
fn size_of(records: &Records, layer: Digest) -> Option<u64> {
    records.iter().find_map(|(id, record)| {
        let image = record.image(*id);
        let at = image.diff_ids.iter().position(|id| *id == layer)?;
        image.layer_sizes.get(at).copied()
    })
}
