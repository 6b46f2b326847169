//! Loading images from an archive: `docker save`'s, or an OCI layout.

use std::collections::BTreeMap;
use std::io::{self, Read};

use super::compression::decompress;
use super::document::{self, Listed};
use super::record;
use super::spool::{Part, Spool};
use super::{Arrived, Digest, Image, ImageError, ImageStore, Names, Reference};

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
        let names = Names {
            tags: listed.references.clone(),
            digest: None,
        };
        let mut arrived = BTreeMap::new();
        let image = loop {
            for (id, part) in ids.iter().zip(&listed.layers) {
                if !arrived.contains_key(id) && !self.has_layer(*id) {
                    arrived.insert(*id, self.unpack_part(spool, *id, part, tell)?);
                }
            }
            if let Some(image) = self.complete(&config, &arrived, names.clone())? {
                break image;
            }
            // the last image that had one of the layers was removed meanwhile
            arrived.clear();
        };
        let names = names.tags.into_iter().map(Some);
        let nameless = listed.references.is_empty().then_some(None);
        for reference in names.chain(nameless) {
            tell(Step::Loaded {
                image: image.id,
                reference,
            });
        }
        Ok(image)
    }

    fn unpack_part(
        &self,
        spool: &Spool,
        id: Digest,
        part: &Part,
        tell: &mut dyn FnMut(Step),
    ) -> Result<Arrived, ImageError> {
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
        let arrived = self.arrive(&part.path, id, counted)?;
        tell(step(total));
        Ok(arrived)
    }
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
