//! The files of a log: one that is written to, and those it was before.
//!
//! ```text
//! log --full--> log.1 --> log.2 --> ... --> gone        each may be packed: log.1.gz
//! ```
//!
//! As moby does it (daemon/logger/loggerutils/logfile.go). The name without a number is always there: another file takes
//! its place in one step.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

/// How much is packed at once, in bytes: it takes a few milliseconds.
const PIECE: usize = 256 * 1024;

/// What packed files end with.
const PACKED: &str = ".gz";

/// The name of an earlier file.
pub(super) fn earlier(path: &Path, number: u32, packed: bool) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}{}", if packed { PACKED } else { "" }));
    name.into()
}

/// Puts an empty file in the place of the full one, which stays as the first of the earlier ones where more than one is
/// kept; a failure leaves the full one where it is.
pub(super) fn rotate(path: &Path, max_files: u32) -> io::Result<File> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let draft = PathBuf::from(draft);
    unless_absent(fs::remove_file(&draft))?;
    let mut options = OpenOptions::new();
    options.create_new(true).read(true).append(true).mode(0o600);
    let file = options.open(&draft)?;
    for number in (1..max_files).rev() {
        for packed in [false, true] {
            let from = earlier(path, number, packed);
            let done = match number + 1 == max_files {
                true => fs::remove_file(&from),
                false => fs::rename(&from, earlier(path, number + 1, packed)),
            };
            unless_absent(done)?;
        }
    }
    if max_files > 1 {
        unless_absent(fs::hard_link(path, earlier(path, 1, false)))?;
    }
    fs::rename(&draft, path)?;
    Ok(file)
}

/// A file that is being packed, a piece at a time, so that nobody waits for it.
#[derive(Debug)]
pub(super) struct Packing {
    from: PathBuf,
    to: PathBuf,
    draft: PathBuf,
    source: File,
    encoder: GzEncoder<File>,
}

impl Packing {
    /// Begins to pack the first of the earlier files.
    pub(super) fn begin(path: &Path) -> io::Result<Self> {
        let (from, to) = (earlier(path, 1, false), earlier(path, 1, true));
        let draft = to.with_extension("gz.new");
        let mut options = OpenOptions::new();
        options.create(true).truncate(true).write(true).mode(0o600);
        let packed = options.open(&draft)?;
        Ok(Self {
            source: File::open(&from)?,
            encoder: GzEncoder::new(packed, Compression::fast()),
            from,
            to,
            draft,
        })
    }

    /// Packs a piece; true when it was the last, and the packed file has taken the other's place.
    pub(super) fn step(&mut self) -> io::Result<bool> {
        let mut piece = (&mut self.source).take(PIECE as u64);
        if io::copy(&mut piece, &mut self.encoder)? > 0 {
            return Ok(false);
        }
        self.encoder.try_finish()?;
        fs::rename(&self.draft, &self.to)?;
        // whoever finds both reads the one that is not packed
        fs::remove_file(&self.from)?;
        Ok(true)
    }

    /// Leaves the file as it was.
    pub(super) fn give_up(self) {
        // what cannot be removed is written over the next time
        let _ = fs::remove_file(&self.draft);
    }
}

fn unless_absent(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        done => done,
    }
}
