//! The store: which images there are, and their layers on disk.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;

use super::catalog::{Records, find, settle_names, used_layers};
use super::compression::decompress;
use super::disk::{Temporary, names, remove_file, remove_tree};
use super::layer::{self, Layer};
use super::record::{Record, sync_parent};
use super::{Digest, Image, ImageConfig, ImageError, Reference};

/// The images below one directory.
///
/// **Contract:** one store a directory at a time. An image is there whole or not at all, after a crash too; every
/// method may block on the disk and is safe from any thread.
#[derive(Debug)]
pub struct ImageStore {
    directory: PathBuf,
    records: Mutex<Records>,
    temporaries: AtomicU64,
}

/// What an imported file system becomes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Import {
    /// Its name; it is taken from the image that has it.
    pub reference: Option<Reference>,
    /// What containers made from it start with.
    pub config: ImageConfig,
    /// Where it came from, for people.
    pub comment: String,
}

impl ImageStore {
    /// Opens the store below a directory, made if it is not there; clears away what a crash left.
    pub fn open(directory: &Path) -> Result<Self, ImageError> {
        let store = Self {
            directory: directory.to_owned(),
            records: Mutex::default(),
            temporaries: AtomicU64::default(),
        };
        let temporary = store.path("tmp");
        remove_tree(&temporary)?;
        let kept = ["images", "layers", "skeletons"].map(|name| store.path(name));
        for path in kept.into_iter().chain([temporary]) {
            fs::create_dir_all(&path).map_err(|source| ImageError::Write { path, source })?;
        }
        let records = store.read_records()?;
        let used = used_layers(&records);
        let is_used = |name: &str| Digest::from_hex(name).is_ok_and(|id| used.contains(&id));
        for layer in names(&store.path("layers"))? {
            if !is_used(&layer) {
                remove_tree(&store.path("layers").join(layer))?;
            }
        }
        for skeleton in names(&store.path("skeletons"))? {
            if !is_used(&skeleton) {
                remove_file(&store.path("skeletons").join(skeleton))?;
            }
        }
        *store.records() = records;
        Ok(store)
    }

    /// Makes an image of the archive of a root file system: tar, plain or compressed with gzip.
    pub fn import(&self, archive: impl Read, import: Import) -> Result<Image, ImageError> {
        let unpacked = self.unpack(decompress(archive)?)?;
        let (layer, size) = (unpacked.layer.diff_id, unpacked.layer.size);
        let (id, record) =
            Record::new(Timestamp::now(), import.config, import.comment, layer, size);
        let mut records = self.records();
        let kept = self.keep_layer(&unpacked)?;
        let added = self.put(&mut records, id, record, import.reference);
        if added.is_err() && kept {
            // the next open would clear it away too
            let _ = remove_tree(&self.layer(layer));
        }
        added
    }

    /// Unpacks an uncompressed archive beside the layers.
    pub(super) fn unpack(&self, archive: impl Read) -> Result<Unpacked, ImageError> {
        let (tree, skeleton) = (self.temporary(), self.temporary());
        let failed = |path: &Temporary| {
            let path = path.0.clone();
            move |source| ImageError::Write { path, source }
        };
        fs::create_dir(&tree.0).map_err(failed(&tree))?;
        let file = File::create(&skeleton.0).map_err(failed(&skeleton))?;
        let mut packed = GzEncoder::new(file, Compression::fast());
        let layer = layer::unpack(archive, &tree.0, &mut packed)?;
        packed
            .finish()
            .and_then(|file| file.sync_all())
            .map_err(failed(&skeleton))?;
        Ok(Unpacked {
            layer,
            tree,
            skeleton,
        })
    }

    /// Every image, the newest first.
    pub fn list(&self) -> Vec<Image> {
        let mut images: Vec<_> = self
            .records()
            .iter()
            .map(|(id, it)| it.image(*id))
            .collect();
        images.sort_by(|a, b| b.created.cmp(&a.created).then(a.id.cmp(&b.id)));
        images
    }

    /// The image with that name, id (with or without `sha256:`), or start of an id.
    pub fn find(&self, text: &str) -> Result<Image, ImageError> {
        let records = self.records();
        let id = find(&records, text)?;
        Ok(records[&id].image(id))
    }

    /// The directories of an image's layers, the lowest first. Of one that is there several times, only the highest
    /// counts: it holds all that the others do, and overlayfs takes no directory twice.
    pub fn layers(&self, image: &Image) -> Vec<PathBuf> {
        let ids = &image.diff_ids;
        let highest = |(i, id): &(usize, &Digest)| !ids[i + 1..].contains(id);
        let layers = ids.iter().enumerate().filter(highest);
        layers.map(|(_, id)| self.layer(*id)).collect()
    }

    /// Gives an image one more name, taken from the image that has it.
    pub fn tag(&self, text: &str, reference: Reference) -> Result<Image, ImageError> {
        let mut records = self.records();
        let id = find(&records, text)?;
        let record = records[&id].clone();
        self.put(&mut records, id, record, Some(reference))
    }

    /// Writes a record with one more name, then takes the name from the image that had it: a crash between the
    /// two is settled by the later moment.
    pub(super) fn put(
        &self,
        records: &mut Records,
        id: Digest,
        mut record: Record,
        reference: Option<Reference>,
    ) -> Result<Image, ImageError> {
        if let Some(reference) = &reference {
            record
                .references
                .insert(reference.clone(), Timestamp::now());
        }
        self.write(id, &record)?;
        let image = record.image(id);
        records.insert(id, record);
        let Some(reference) = reference else {
            return Ok(image);
        };
        for (other, record) in records.iter_mut().filter(|(other, _)| **other != id) {
            if record.references.remove(&reference).is_some() {
                self.write(*other, record)?;
            }
        }
        Ok(image)
    }

    fn read_records(&self) -> Result<Records, ImageError> {
        let mut records = Records::new();
        for name in names(&self.path("images"))? {
            let Some(id) = name
                .strip_suffix(".json")
                .and_then(|hex| Digest::from_hex(hex).ok())
            else {
                continue;
            };
            records.insert(id, Record::read(&self.file(id), id)?);
        }
        settle_names(&mut records);
        Ok(records)
    }

    /// Moves an unpacked layer to its place; tells whether it is new.
    pub(super) fn keep_layer(&self, unpacked: &Unpacked) -> Result<bool, ImageError> {
        let id = unpacked.layer.diff_id;
        let (path, skeleton) = (self.layer(id), self.skeleton(id));
        if path.exists() {
            return Ok(false);
        }
        // the skeleton first: a layer that is there can be written again
        fs::rename(&unpacked.skeleton.0, &skeleton)
            .and_then(|()| sync_parent(&skeleton))
            .and_then(|()| fs::rename(&unpacked.tree.0, &path))
            .and_then(|()| sync_parent(&path))
            .map(|()| true)
            .map_err(|source| ImageError::Write { path, source })
    }

    fn write(&self, id: Digest, record: &Record) -> Result<(), ImageError> {
        record.write(&self.file(id), &self.temporary().0)
    }

    pub(super) fn file(&self, id: Digest) -> PathBuf {
        self.path("images").join(id.hex() + ".json")
    }

    pub(super) fn layer(&self, id: Digest) -> PathBuf {
        self.path("layers").join(id.hex())
    }

    pub(super) fn skeleton(&self, id: Digest) -> PathBuf {
        self.path("skeletons").join(id.hex())
    }

    /// A path of its own for what is being made.
    pub(super) fn temporary(&self) -> Temporary {
        let number = self.temporaries.fetch_add(1, Ordering::Relaxed);
        Temporary(self.path("tmp").join(number.to_string()))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    pub(super) fn records(&self) -> MutexGuard<'_, Records> {
        // a panic while it is held leaves whole records only
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A layer that was unpacked beside the others.
#[derive(Debug)]
pub(super) struct Unpacked {
    pub(super) layer: Layer,
    tree: Temporary,
    skeleton: Temporary,
}

impl Unpacked {
    /// Whether it still is beside the others, not among them.
    pub(super) fn is_there(&self) -> bool {
        self.tree.0.exists()
    }
}
