//! The store: which images there are, and their layers on disk.

use std::fs::{self, DirEntry};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::catalog::{Records, find, settle_names, used_layers};
use super::compression::decompress;
use super::record::{Record, sync_parent};
use super::{Digest, Image, ImageConfig, ImageError, Reference, layer};

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

/// What was removed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Removed {
    /// The names that no image has any more.
    pub untagged: Vec<Reference>,
    /// The image, if it is gone.
    pub deleted: Option<Digest>,
    /// The layers that are gone.
    pub layers: Vec<Digest>,
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
        for path in [store.path("images"), store.path("layers"), temporary] {
            fs::create_dir_all(&path).map_err(|source| ImageError::Write { path, source })?;
        }
        let records = store.load()?;
        let used = used_layers(&records);
        for layer in names(&store.path("layers"))? {
            if !Digest::from_hex(&layer).is_ok_and(|id| used.contains(&id)) {
                remove_tree(&store.path("layers").join(layer))?;
            }
        }
        *store.records() = records;
        Ok(store)
    }

    /// Makes an image of the archive of a root file system: tar, plain or compressed with gzip.
    pub fn import(&self, archive: impl Read, import: Import) -> Result<Image, ImageError> {
        let archive = decompress(archive)?;
        let unpacked = Temporary(self.temporary());
        fs::create_dir(&unpacked.0).map_err(|source| ImageError::Write {
            path: unpacked.0.clone(),
            source,
        })?;
        let layer = layer::unpack(archive, &unpacked.0)?;
        let (id, record) = Record::new(
            Timestamp::now(),
            import.config,
            import.comment,
            layer.diff_id,
            layer.size,
        );
        let mut records = self.records();
        let kept = self.keep_layer(&unpacked.0, layer.diff_id)?;
        let added = self.put(&mut records, id, record, import.reference);
        if added.is_err() && kept {
            // the next open would clear it away too
            let _ = remove_tree(&self.layer(layer.diff_id));
        }
        added
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

    /// The directories of an image's layers, the lowest first.
    pub fn layers(&self, image: &Image) -> Vec<PathBuf> {
        image.diff_ids.iter().map(|id| self.layer(*id)).collect()
    }

    /// Gives an image one more name, taken from the image that has it.
    pub fn tag(&self, text: &str, reference: Reference) -> Result<Image, ImageError> {
        let mut records = self.records();
        let id = find(&records, text)?;
        let record = records[&id].clone();
        self.put(&mut records, id, record, Some(reference))
    }

    /// Removes the name that `text` is; and the image with its last name, or when `text` is its id.
    ///
    /// An image with several names is removed by its id only with `force`. Whether containers use it is for the
    /// caller to know.
    pub fn remove(&self, text: &str, force: bool) -> Result<Removed, ImageError> {
        let mut records = self.records();
        let id = find(&records, text)?;
        let names: Vec<_> = records[&id].references.keys().cloned().collect();
        let named = text
            .parse()
            .ok()
            .filter(|reference| names.contains(reference));
        match named {
            Some(reference) if names.len() > 1 => {
                let mut record = records[&id].clone();
                record.references.remove(&reference);
                self.write(id, &record)?;
                records.insert(id, record);
                Ok(Removed {
                    untagged: vec![reference],
                    ..Removed::default()
                })
            }
            None if names.len() > 1 && !force => Err(ImageError::SeveralNames { id }),
            _ => self.delete(&mut records, id),
        }
    }

    fn delete(&self, records: &mut Records, id: Digest) -> Result<Removed, ImageError> {
        let path = self.file(id);
        fs::remove_file(&path)
            .and_then(|()| sync_parent(&path))
            .map_err(|source| ImageError::Remove { path, source })?;
        let Some(record) = records.remove(&id) else {
            return Ok(Removed::default());
        };
        let used = used_layers(records);
        let mut layers = record.image(id).diff_ids;
        layers.retain(|layer| !used.contains(layer));
        for layer in &layers {
            let (path, doomed) = (self.layer(*layer), Temporary(self.temporary()));
            fs::rename(&path, &doomed.0).map_err(|source| ImageError::Remove { path, source })?;
            remove_tree(&doomed.0)?;
        }
        let untagged = record.references.into_keys().collect();
        Ok(Removed {
            untagged,
            deleted: Some(id),
            layers,
        })
    }

    /// Writes a record with one more name, then takes the name from the image that had it: a crash between the
    /// two is settled by the later moment.
    fn put(
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

    fn load(&self) -> Result<Records, ImageError> {
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
    fn keep_layer(&self, unpacked: &Path, id: Digest) -> Result<bool, ImageError> {
        let path = self.layer(id);
        match fs::rename(unpacked, &path) {
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists
                ) =>
            {
                Ok(false)
            }
            renamed => renamed
                .and_then(|()| sync_parent(&path))
                .map(|()| true)
                .map_err(|source| ImageError::Write { path, source }),
        }
    }

    fn write(&self, id: Digest, record: &Record) -> Result<(), ImageError> {
        record.write(&self.file(id), &self.temporary())
    }

    fn file(&self, id: Digest) -> PathBuf {
        self.path("images").join(id.hex() + ".json")
    }

    fn layer(&self, id: Digest) -> PathBuf {
        self.path("layers").join(id.hex())
    }

    fn temporary(&self) -> PathBuf {
        self.path("tmp")
            .join(self.temporaries.fetch_add(1, Ordering::Relaxed).to_string())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        // a panic while it is held leaves whole records only
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A path that is gone with this.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // what stays is cleared away by the next open
        let _ = remove_tree(&self.0);
    }
}

fn names(directory: &Path) -> Result<Vec<String>, ImageError> {
    let name = |entry: io::Result<DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
    let listed = fs::read_dir(directory).and_then(|entries| entries.map(name).collect());
    listed.map_err(|source| ImageError::Read {
        path: directory.to_owned(),
        source,
    })
}

fn remove_tree(path: &Path) -> Result<(), ImageError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(|source| ImageError::Remove {
            path: path.to_owned(),
            source,
        }),
    }
}
