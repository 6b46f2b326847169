//! Saving images into an archive that Docker, podman and rnet load.
//!
//! Source: moby, image/spec/spec.md, "Combined Image JSON + Filesystem Changeset Format".

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::Serialize;
use tar::{EntryType, Header};

use super::digest::Digesting;
use super::record::Record;
use super::{Digest, ImageError, ImageStore, Reference, catalog, skeleton};

/// What is in a block of an archive, in bytes (POSIX, pax, "ustar Interchange Format").
const BLOCK: u64 = 512;

/// Images that are about to be saved.
#[derive(Debug, Default)]
pub struct Selection(Vec<Selected>);

#[derive(Debug)]
struct Selected {
    id: Digest,
    configuration: String,
    diff_ids: Vec<Digest>,
    names: BTreeSet<Reference>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

impl ImageStore {
    /// Finds images to save: by a name with a tag, which is saved with it; by a name without one, which are all its
    /// tags; or by an id, without a name.
    pub fn select(&self, texts: &[String]) -> Result<Selection, ImageError> {
        let records = self.records();
        let mut selection = Selection::default();
        for text in texts {
            let reference = text.parse::<Reference>().ok();
            let tagged = text
                .rsplit_once(':')
                .is_some_and(|(_, tag)| !tag.contains('/'));
            let means = |own: &Reference, asked: &Reference| match tagged {
                true => own == asked,
                false => own.repository() == asked.repository(),
            };
            let mut by_name = false;
            for (id, record) in records.iter() {
                for name in record.references.keys() {
                    if reference.as_ref().is_some_and(|asked| means(name, asked)) {
                        selection.add(*id, record, Some(name));
                        by_name = true;
                    }
                }
            }
            if !by_name {
                let id = catalog::find(&records, text)?;
                selection.add(id, &records[&id], None);
            }
        }
        Ok(selection)
    }

    /// Writes the archive of images; their layers are, byte for byte, those that they came from.
    pub fn save(&self, selection: &Selection, mut out: impl Write) -> Result<(), ImageError> {
        let mut written = BTreeSet::new();
        for image in &selection.0 {
            for layer in &image.diff_ids {
                if written.insert(*layer) {
                    self.write_layer(*layer, &mut out)
                        .map_err(|source| ImageError::Assemble {
                            layer: *layer,
                            source,
                        })?;
                }
            }
        }
        selection
            .write_documents(&mut out)
            .map_err(|source| ImageError::Archive { source })
    }

    /// Writes a layer's archive compressed with gzip, the same each time; its digest, and its bytes.
    pub fn compress(&self, layer: Digest, out: impl Write) -> Result<(Digest, u64), ImageError> {
        let written = || {
            let mut digested = Digesting::new(Counting {
                inner: out,
                count: 0,
            });
            let mut packed = GzEncoder::new(&mut digested, Compression::default());
            self.assemble(layer, &mut packed)?;
            packed.finish()?.flush()?;
            let (counting, digest) = digested.finish();
            Ok((digest, counting.count))
        };
        written().map_err(|source| ImageError::Assemble { layer, source })
    }

    /// The bytes of a layer's archive.
    pub fn archive_size(&self, layer: Digest) -> Result<u64, ImageError> {
        let length = self.skeleton_of(layer).and_then(skeleton::length);
        length.map_err(|source| ImageError::Assemble { layer, source })
    }

    fn write_layer(&self, layer: Digest, mut out: impl Write) -> io::Result<()> {
        let length = skeleton::length(self.skeleton_of(layer)?)?;
        write_header(&mut out, &layer_path(layer), length)?;
        self.assemble(layer, &mut out)?;
        write_padding(&mut out, length)
    }

    fn assemble(&self, layer: Digest, out: impl Write) -> io::Result<()> {
        let mut checked = Digesting::new(out);
        skeleton::assemble(self.skeleton_of(layer)?, &self.layer(layer), &mut checked)?;
        match checked.digest() == layer {
            true => Ok(()),
            false => Err(io::Error::other("its files are not what they were")),
        }
    }

    fn skeleton_of(&self, layer: Digest) -> io::Result<impl Read> {
        Ok(GzDecoder::new(File::open(self.skeleton(layer))?))
    }
}

/// Counts what is written.
struct Counting<W> {
    inner: W,
    count: u64,
}

impl<W: Write> Write for Counting<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let length = self.inner.write(buffer)?;
        self.count += length as u64;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl Selection {
    /// The images.
    pub fn ids(&self) -> impl Iterator<Item = Digest> {
        self.0.iter().map(|image| image.id)
    }

    fn add(&mut self, id: Digest, record: &Record, name: Option<&Reference>) {
        if let Some(own) = self.0.iter_mut().find(|own| own.id == id) {
            own.names.extend(name.cloned());
            return;
        }
        self.0.push(Selected {
            id,
            configuration: record.configuration(),
            diff_ids: record.image(id).diff_ids,
            names: name.cloned().into_iter().collect(),
        });
    }

    fn write_documents(&self, out: &mut impl Write) -> io::Result<()> {
        let mut manifest = Vec::new();
        for image in &self.0 {
            let config = image.id.hex() + ".json";
            write_file(out, &config, image.configuration.as_bytes())?;
            let names: Vec<_> = image.names.iter().map(Reference::to_string).collect();
            manifest.push(Saved {
                config,
                repo_tags: Some(names).filter(|names| !names.is_empty()),
                layers: image.diff_ids.iter().copied().map(layer_path).collect(),
            });
        }
        write_file(out, "manifest.json", &serde_json::to_vec(&manifest)?)?;
        // the end of an archive
        out.write_all(&[0; 2 * BLOCK as usize])?;
        out.flush()
    }
}

fn layer_path(layer: Digest) -> String {
    layer.hex() + ".tar"
}

fn write_file(out: &mut impl Write, path: &str, content: &[u8]) -> io::Result<()> {
    let length = content.len() as u64;
    write_header(out, path, length)?;
    out.write_all(content)?;
    write_padding(out, length)
}

fn write_header(out: &mut impl Write, path: &str, length: u64) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_path(path)?;
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(length);
    header.set_cksum();
    out.write_all(header.as_bytes())
}

fn write_padding(out: &mut impl Write, length: u64) -> io::Result<()> {
    let missing = length.next_multiple_of(BLOCK) - length;
    let missing = usize::try_from(missing).map_err(|_| ErrorKind::InvalidData)?;
    out.write_all(&vec![0; missing])
}
