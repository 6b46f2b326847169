//! How much room a container takes on the disk.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::container::Container;
use crate::daemon::Daemon;

/// The room of a container's files, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sizes {
    /// What it wrote itself.
    pub written: u64,
    /// The same and its image.
    pub all: u64,
}

impl Daemon {
    /// The room that a container's files take; what goes away meanwhile counts for nothing.
    pub fn sizes(&self, container: &Container) -> Sizes {
        let written = below(&self.upper_dir(container));
        let image = self.images.find(&container.image_id);
        Sizes {
            written,
            all: written + image.map_or(0, |image| image.size),
        }
    }

    /// The bytes in the files of a volume.
    pub fn volume_size(&self, name: &str) -> u64 {
        below(&self.volume_dir(name))
    }
}

/// The bytes of all files below a directory.
fn below(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => below(&entry.path()),
        Ok(metadata) if metadata.is_file() || metadata.is_symlink() => {
            // a file of several names is one file
            metadata.size() / metadata.nlink().max(1)
        }
        _ => 0,
    });
    sizes.sum()
}
