//! Removing names and images, as Docker does (moby, daemon/images/image_delete.go).

use std::collections::BTreeSet;
use std::fs;

use super::catalog::{Records, find, used_layers};
use super::disk::{remove_file, remove_tree};
use super::record::{Record, sync_parent};
use super::{Digest, ImageError, ImageStore, Name};

/// What was removed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Removed {
    /// The image that it was of.
    pub image: Option<Digest>,
    /// The names that no image has any more.
    pub untagged: Vec<String>,
    /// The image, if it is gone.
    pub deleted: Option<Digest>,
    /// The layers that are gone.
    pub layers: Vec<Digest>,
}

impl ImageStore {
    /// Removes the name that `text` is; and the image with its last name, or when `text` is its id.
    ///
    /// With the last tag of a repository go its digests. An image with several names is removed by its id only with
    /// `force`. Whether containers use it is for the caller to know.
    pub fn remove(&self, text: &str, force: bool) -> Result<Removed, ImageError> {
        let mut records = self.records();
        let id = find(&records, text)?;
        let record = &records[&id];
        let named = name_of(record, text);
        let Some(name) = named else {
            return match is_single(record) || force {
                true => self.delete(&mut records, id),
                false => Err(ImageError::SeveralNames { id }),
            };
        };
        let (left, untagged) = without(record, &name);
        if left.references.is_empty() && left.digests.is_empty() {
            return self.delete(&mut records, id);
        }
        self.put(&mut records, id, left, None)?;
        Ok(Removed {
            image: Some(id),
            untagged,
            ..Removed::default()
        })
    }

    /// Whether removing what `text` names removes the image.
    pub fn is_last_name(&self, text: &str) -> Result<bool, ImageError> {
        let records = self.records();
        let record = &records[&find(&records, text)?];
        Ok(name_of(record, text).is_none_or(|name| {
            let (left, _) = without(record, &name);
            left.references.is_empty() && left.digests.is_empty()
        }))
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
        layers.sort_unstable();
        layers.dedup();
        for layer in &layers {
            let (path, doomed) = (self.layer(*layer), self.temporary());
            fs::rename(&path, &doomed.0).map_err(|source| ImageError::Remove { path, source })?;
            remove_file(&self.skeleton(*layer))?;
            remove_tree(&doomed.0)?;
        }
        let tags = record.references.keys().map(ToString::to_string);
        let digests = record.digests.iter().map(ToString::to_string);
        Ok(Removed {
            image: Some(id),
            untagged: tags.chain(digests).collect(),
            deleted: Some(id),
            layers,
        })
    }
}

/// The name of an image that a text is; none if it is its id.
fn name_of(record: &Record, text: &str) -> Option<Name> {
    let name: Name = text.parse().ok()?;
    let has = match &name {
        Name::Tagged(reference) => record.references.contains_key(reference),
        Name::Pinned(pinned) => record.digests.contains(pinned),
    };
    has.then_some(name)
}

/// The record without a name; and what went with it.
fn without(record: &Record, name: &Name) -> (Record, Vec<String>) {
    let mut left = record.clone();
    let mut untagged = vec![name.to_string()];
    match name {
        Name::Pinned(pinned) => {
            left.digests.remove(pinned);
        }
        Name::Tagged(reference) => {
            left.references.remove(reference);
            let repository = reference.repository();
            if !left
                .references
                .keys()
                .any(|it| it.repository() == repository)
            {
                let (gone, kept) = left
                    .digests
                    .into_iter()
                    .partition(|it| it.repository() == repository);
                left.digests = kept;
                let gone: BTreeSet<_> = gone;
                untagged.extend(gone.iter().map(ToString::to_string));
            }
        }
    }
    (left, untagged)
}

/// Whether an image has one tag at most, and all its names are of one repository.
fn is_single(record: &Record) -> bool {
    let tags = record.references.keys().map(|it| it.repository());
    let digests = record.digests.iter().map(|it| it.repository());
    let repositories: BTreeSet<_> = tags.chain(digests).collect();
    record.references.len() <= 1 && repositories.len() <= 1
}
