//! Loading images from an archive: `docker save`'s, or an OCI layout.

use std::collections::BTreeMap;
use std::io::{self, Read};

use super::catalog::Records;
use super::compression::decompress;
use super::document::{self, Listed};
use super::record::{self, Record};
use super::spool::{Part, Spool, verify};
use super::store::Unpacked;
use super::{Digest, Image, ImageError, ImageStore, Reference};

/// After how many bytes of a layer it is told how far it is.
const STRIDE: u64 = 512 << 10;

/// What happens while images are loaded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// A layer is unpacked.
    Unpacking {
        /// The layer.
        layer: Digest,
        /// The bytes of its archive that were read.
        current: u64,
        /// The bytes of its archive.
        total: u64,
    },
    /// An image is there.
    Loaded {
        /// The image.
        image: Digest,
        /// One of its names; none if it came without.
        reference: Option<Reference>,
    },
}

impl ImageStore {
    /// Loads all images of an archive, plain or compressed with gzip; an image whose name another has takes it.
    ///
    /// Everything is verified: documents and layers by the digests that tell of them, unpacked layers by the image's
    /// configuration. Layers that the store has are shared. An image that fails ends it; those before it stay.
    pub fn load(
        &self,
        archive: impl Read,
        mut tell: impl FnMut(Step),
    ) -> Result<Vec<Image>, ImageError> {
        let spool = Spool::new(decompress(archive)?, self.temporary())?;
        let listed = document::images(&spool)?;
        if listed.is_empty() {
            return Err(ImageError::NoImage);
        }
        let load = |image| self.load_image(&spool, image, &mut tell);
        listed.into_iter().map(load).collect()
    }

    fn load_image(
        &self,
        spool: &Spool,
        listed: Listed,
        tell: &mut dyn FnMut(Step),
    ) -> Result<Image, ImageError> {
        let invalid = |reason| ImageError::Document {
            name: listed.config.path.clone(),
            reason,
        };
        let config = String::from_utf8(spool.document(&listed.config)?)
            .map_err(|error| invalid(error.to_string()))?;
        let ids = record::check(&config).map_err(invalid)?;
        if ids.len() != listed.layers.len() {
            return Err(invalid(format!(
                "invalid manifest, layers length mismatch: expected {}, got {}",
                ids.len(),
                listed.layers.len()
            )));
        }
        let mut unpacked = BTreeMap::new();
        for (id, part) in ids.iter().zip(&listed.layers) {
            if !unpacked.contains_key(id) && !self.layer(*id).exists() {
                unpacked.insert(*id, self.unpack_part(spool, *id, part, tell)?);
            }
        }
        let mut records = self.records();
        let mut sizes = Vec::new();
        for (id, part) in ids.iter().zip(&listed.layers) {
            let known = unpacked.get(id).map(|it: &Unpacked| it.layer.size);
            let known = known.or_else(|| size_of(&records, *id));
            sizes.push(match known {
                Some(size) => size,
                // its last image was removed meanwhile
                None => {
                    let again = self.unpack_part(spool, *id, part, tell)?;
                    let size = again.layer.size;
                    unpacked.insert(*id, again);
                    size
                }
            });
        }
        let (id, record) = Record::loaded(&config, sizes).map_err(invalid)?;
        for layer in unpacked.values() {
            self.keep_layer(layer)?;
        }
        let names = listed.references.iter().cloned().map(Some);
        let names: Vec<_> = if listed.references.is_empty() {
            vec![None]
        } else {
            names.collect()
        };
        let mut image = None;
        for name in names {
            let record = records.get(&id).cloned().unwrap_or_else(|| record.clone());
            image = Some(self.put(&mut records, id, record, name.clone())?);
            tell(Step::Loaded {
                image: id,
                reference: name,
            });
        }
        Ok(image.expect("there is one name, or none, but never nothing"))
    }

    fn unpack_part(
        &self,
        spool: &Spool,
        id: Digest,
        part: &Part,
        tell: &mut dyn FnMut(Step),
    ) -> Result<Unpacked, ImageError> {
        let file = spool.part(part)?;
        let total = file.metadata().map_or(0, |about| about.len());
        let step = |current| Step::Unpacking {
            layer: id,
            current,
            total,
        };
        tell(step(0));
        let counted = Counted {
            inner: file,
            count: 0,
            tell: |count| tell(step(count)),
        };
        let unpacked = self.unpack(decompress(counted)?)?;
        verify(&part.path, id, unpacked.layer.diff_id)?;
        tell(step(total));
        Ok(unpacked)
    }
}

/// What a layer's files take, as any image that has it knows.
fn size_of(records: &Records, layer: Digest) -> Option<u64> {
    records.iter().find_map(|(id, record)| {
        let image = record.image(*id);
        let at = image.diff_ids.iter().position(|id| *id == layer)?;
        image.layer_sizes.get(at).copied()
    })
}

/// Tells now and then how many bytes were read.
struct Counted<R, F> {
    inner: R,
    count: u64,
    tell: F,
}

impl<R: Read, F: FnMut(u64)> Read for Counted<R, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        let before = self.count;
        self.count += length as u64;
        if before / STRIDE != self.count / STRIDE {
            (self.tell)(self.count);
        }
        Ok(length)
    }
}
