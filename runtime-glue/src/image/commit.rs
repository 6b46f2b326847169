//! A new image of an image and what a container has written over it.

use std::collections::BTreeMap;
use std::path::Path;
use std::{io, thread};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::catalog::find;
use super::pack::pack_layer;
use super::{
    Arrived, Digest, History, Image, ImageConfig, ImageError, ImageStore, Names, Reference,
};

/// What a commit makes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Commit {
    /// Its name; it is taken from the image that has it.
    pub reference: Option<Reference>,
    /// What containers made from it start with.
    pub config: ImageConfig,
    /// Who made it.
    pub author: String,
    /// Why, for people.
    pub comment: String,
    /// The command that wrote what is new.
    pub created_by: String,
}

impl ImageStore {
    /// Makes an image of the image `base` and of what is in `upper` over it, without what is at the paths `mounts`.
    ///
    /// What somebody changes in `upper` meanwhile may be in it or not.
    pub fn commit(
        &self,
        base: Digest,
        upper: &Path,
        mounts: &[&Path],
        commit: Commit,
    ) -> Result<Image, ImageError> {
        let configuration = {
            let records = self.records();
            let id = find(&records, &base.to_string())?;
            records[&id].configuration()
        };
        let arrived = self.pack_upper(upper, mounts)?;
        let diff_id = arrived.digest();
        let invalid = |error: serde_json::Error| ImageError::Document {
            name: base.to_string(),
            reason: error.to_string(),
        };
        let mut document: Value = serde_json::from_str(&configuration).map_err(invalid)?;
        let now = Timestamp::now();
        let step = History {
            created: Some(now),
            created_by: commit.created_by,
            comment: commit.comment,
            empty_layer: false,
        };
        document["created"] = json!(now);
        document["author"] = json!(commit.author);
        document["config"] = serde_json::to_value(&commit.config).map_err(invalid)?;
        append(&mut document["rootfs"]["diff_ids"], json!(diff_id));
        append(
            &mut document["history"],
            serde_json::to_value(&step).map_err(invalid)?,
        );
        let names = Names {
            tags: commit.reference.into_iter().collect(),
            digest: None,
        };
        let arrived = BTreeMap::from([(diff_id, arrived)]);
        let made = self.complete(&document.to_string(), &arrived, names)?;
        // a layer of the image went away with it
        made.ok_or_else(|| ImageError::NoSuchImage(base.to_string()))
    }

    fn pack_upper(&self, upper: &Path, mounts: &[&Path]) -> Result<Arrived, ImageError> {
        let failed = |source| ImageError::Read {
            path: upper.to_owned(),
            source,
        };
        let (reader, writer) = io::pipe().map_err(failed)?;
        thread::scope(|scope| {
            let packing = scope.spawn(move || pack_layer(upper, mounts, writer));
            let arrived = self.arrive_new(reader);
            let packed = packing
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("it could not be read to its end")));
            // whoever could not read is why the other had nothing to write
            packed.map_err(failed)?;
            arrived
        })
    }
}

/// Adds to a list, which is made if it is none.
fn append(list: &mut Value, item: Value) {
    match list {
        Value::Array(items) => items.push(item),
        other => *other = json!([item]),
    }
}
