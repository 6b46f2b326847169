//! The records of a store, and finding one by what people call it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::record::Record;
use super::{Digest, ImageError, Name, Reference};

pub(super) type Records = BTreeMap<Digest, Record>;

/// The image with that name, id, or start of an id, in this order.
pub(super) fn find(records: &Records, text: &str) -> Result<Digest, ImageError> {
    let name = text.parse::<Name>();
    if let Ok(name) = &name {
        let named = records.iter().find(|(_, it)| match name {
            Name::Tagged(reference) => it.references.contains_key(reference),
            Name::Pinned(pinned) => it.digests.contains(pinned),
        });
        if let Some((id, _)) = named {
            return Ok(*id);
        }
    }
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    if digits.bytes().all(|c| c.is_ascii_hexdigit()) && !digits.is_empty() {
        let mut matching = records.keys().filter(|id| id.hex().starts_with(digits));
        match (matching.next(), matching.next()) {
            (Some(id), None) => return Ok(*id),
            (Some(_), Some(_)) => {
                return Err(ImageError::Ambiguous {
                    prefix: text.to_owned(),
                });
            }
            (None, _) => {}
        }
        if digits.len() == 64 || digits.len() != text.len() {
            return Err(ImageError::NoSuchImage(text.to_owned()));
        }
    }
    Err(ImageError::NoSuchImage(name?.to_string()))
}

/// The layers that images have.
pub(super) fn used_layers(records: &Records) -> BTreeSet<Digest> {
    records
        .iter()
        .flat_map(|(id, record)| record.image(*id).diff_ids)
        .collect()
}

/// Takes each name from all images but the one that it was given to last.
pub(super) fn settle_names(records: &mut Records) {
    let mut owners: BTreeMap<Reference, (Timestamp, Digest)> = BTreeMap::new();
    for (id, record) in records.iter() {
        for (reference, since) in &record.references {
            let owner = owners.entry(reference.clone()).or_insert((*since, *id));
            *owner = (*owner).max((*since, *id));
        }
    }
    for (id, record) in records.iter_mut() {
        record
            .references
            .retain(|reference, _| owners[reference].1 == *id);
    }
}
