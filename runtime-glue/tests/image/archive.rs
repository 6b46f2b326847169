//! Archives to import, honest ones and others.

use std::io::Cursor;
use std::path::Path;

use rnet_runtime_glue::image::{Image, ImageError, ImageStore, Import};
use tar::{Builder, EntryType, Header};
use tempfile::TempDir;

/// An archive that is being written.
pub(crate) struct Archive(Builder<Vec<u8>>);

impl Archive {
    pub(crate) fn new() -> Self {
        Self(Builder::new(Vec::new()))
    }

    /// Adds an entry under a name that is taken as it is, however wrong.
    pub(crate) fn raw(mut self, name: &str, kind: EntryType, target: &str, content: &[u8]) -> Self {
        let mut header = Header::new_gnu();
        let field = &mut header.as_old_mut().name;
        field[..name.len()].copy_from_slice(name.as_bytes());
        header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(0o755);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_000_000_000);
        header.set_size(content.len() as u64);
        if kind == EntryType::Char || kind == EntryType::Block {
            header.set_device_major(1).unwrap();
            header.set_device_minor(3).unwrap();
        }
        header.set_cksum();
        self.0.append(&header, content).unwrap();
        self
    }

    pub(crate) fn file(self, name: &str, content: &str) -> Self {
        self.raw(name, EntryType::Regular, "", content.as_bytes())
    }

    pub(crate) fn directory(self, name: &str) -> Self {
        self.raw(name, EntryType::Directory, "", b"")
    }

    pub(crate) fn symlink(self, name: &str, target: &str) -> Self {
        self.raw(name, EntryType::Symlink, target, b"")
    }

    pub(crate) fn hard_link(self, name: &str, target: &str) -> Self {
        self.raw(name, EntryType::Link, target, b"")
    }

    /// Adds a file under two names.
    pub(crate) fn hard_link_pair(self) -> Self {
        self.file("one", "twice").hard_link("two", "one")
    }

    pub(crate) fn builder(&mut self) -> &mut Builder<Vec<u8>> {
        &mut self.0
    }

    pub(crate) fn bytes(self) -> Vec<u8> {
        self.0.into_inner().unwrap()
    }
}

/// A store of its own.
pub(crate) fn store() -> (TempDir, ImageStore) {
    let directory = tempfile::tempdir().unwrap();
    let store = ImageStore::open(directory.path()).unwrap();
    (directory, store)
}

/// Imports an archive under a name.
pub(crate) fn import(store: &ImageStore, name: &str, bytes: Vec<u8>) -> Result<Image, ImageError> {
    let import = Import {
        reference: Some(name.parse().unwrap()),
        ..Import::default()
    };
    store.import(Cursor::new(bytes), import)
}

/// Every file and directory below a store that it did not have when it was new.
pub(crate) fn left_in(directory: &Path) -> Vec<String> {
    let inside = |name: &str| {
        let entries = std::fs::read_dir(directory.join(name)).unwrap();
        entries
            .map(|entry| entry.unwrap().path().display().to_string())
            .collect::<Vec<_>>()
    };
    ["images", "layers", "skeletons", "tmp"]
        .into_iter()
        .flat_map(inside)
        .collect()
}
