//! What the options of a mount mean (config.md, Mounts, Linux mount options).

use rustix::mount::MountAttrFlags as Flags;

use super::super::check::{invalid, unsupported};
use crate::RuntimeError;

/// The options of one mount.
#[derive(Clone, Debug)]
pub(super) struct Options {
    /// Attributes that it gets, and that it loses.
    pub(super) set: Flags,
    pub(super) clear: Flags,
    /// Those that it and all below it get, and lose.
    pub(super) set_below: Flags,
    pub(super) clear_below: Flags,
    /// How mounts come and go, in this order, and whether below it too.
    pub(super) propagation: Vec<(u64, bool)>,
    pub(super) bind: bool,
    pub(super) recursive: bool,
    pub(super) copy_up: bool,
    /// Whether other ids own its files, and whether below it too.
    pub(super) owners: Option<bool>,
    /// What is left for the file system.
    pub(super) data: Vec<String>,
}

/// Options that turn an attribute of a mount on or off; each of them, but the first, exists with an `r` for all below.
const ATTRIBUTES: [(&str, Flags, bool); 22] = [
    ("ro", Flags::MOUNT_ATTR_RDONLY, true),
    ("rw", Flags::MOUNT_ATTR_RDONLY, false),
    ("nosuid", Flags::MOUNT_ATTR_NOSUID, true),
    ("suid", Flags::MOUNT_ATTR_NOSUID, false),
    ("nodev", Flags::MOUNT_ATTR_NODEV, true),
    ("dev", Flags::MOUNT_ATTR_NODEV, false),
    ("noexec", Flags::MOUNT_ATTR_NOEXEC, true),
    ("exec", Flags::MOUNT_ATTR_NOEXEC, false),
    ("nodiratime", Flags::MOUNT_ATTR_NODIRATIME, true),
    ("diratime", Flags::MOUNT_ATTR_NODIRATIME, false),
    ("nosymfollow", Flags::MOUNT_ATTR_NOSYMFOLLOW, true),
    ("symfollow", Flags::MOUNT_ATTR_NOSYMFOLLOW, false),
    // of the times of access there is one field, which is cleared before it is set (mount_setattr(2))
    ("noatime", Flags::MOUNT_ATTR_NOATIME, true),
    ("atime", Flags::MOUNT_ATTR_NOATIME, false),
    ("strictatime", Flags::MOUNT_ATTR_STRICTATIME, true),
    ("nostrictatime", Flags::MOUNT_ATTR_STRICTATIME, false),
    ("relatime", Flags::MOUNT_ATTR_RELATIME, true),
    ("norelatime", Flags::MOUNT_ATTR_RELATIME, false),
    ("defaults", Flags::empty(), true),
    ("loud", Flags::empty(), true),
    ("silent", Flags::empty(), true),
    ("nomand", Flags::empty(), true),
];

const PROPAGATIONS: [(&str, u64, bool); 8] = [
    ("private", libc::MS_PRIVATE, false),
    ("rprivate", libc::MS_PRIVATE, true),
    ("shared", libc::MS_SHARED, false),
    ("rshared", libc::MS_SHARED, true),
    ("slave", libc::MS_SLAVE, false),
    ("rslave", libc::MS_SLAVE, true),
    ("unbindable", libc::MS_UNBINDABLE, false),
    ("runbindable", libc::MS_UNBINDABLE, true),
];

/// Every option that is not the file system's own.
pub(in crate::oci) const NAMES: [&str; 48] = [
    "atime",
    "bind",
    "defaults",
    "dev",
    "diratime",
    "dirsync",
    "exec",
    "idmap",
    "iversion",
    "lazytime",
    "loud",
    "noatime",
    "nodev",
    "nodiratime",
    "noexec",
    "nomand",
    "norelatime",
    "nostrictatime",
    "nosuid",
    "nosymfollow",
    "private",
    "ratime",
    "rbind",
    "rdev",
    "rdiratime",
    "relatime",
    "remount",
    "rexec",
    "rnoatime",
    "rnodev",
    "rnodiratime",
    "rnoexec",
    "rnosuid",
    "ro",
    "rprivate",
    "rro",
    "rrw",
    "rshared",
    "rslave",
    "runbindable",
    "rw",
    "shared",
    "silent",
    "slave",
    "strictatime",
    "suid",
    "sync",
    "tmpcopyup",
];

/// What a word for the coming and going of mounts means: its flag, and whether for all below too.
pub(in crate::oci) fn propagation(word: &str) -> Option<(u64, bool)> {
    let known = PROPAGATIONS.iter().find(|(name, ..)| *name == word)?;
    Some((known.1, known.2))
}

impl Options {
    pub(super) fn parse(words: &[String]) -> Result<Self, RuntimeError> {
        let none = Flags::empty();
        let mut options = Self {
            set: none,
            clear: none,
            set_below: none,
            clear_below: none,
            propagation: Vec::new(),
            bind: false,
            recursive: false,
            copy_up: false,
            owners: None,
            data: Vec::new(),
        };
        for word in words {
            options.take(word)?;
        }
        options.clear |= one_time(options.set);
        options.clear_below |= one_time(options.set_below);
        Ok(options)
    }

    fn take(&mut self, word: &str) -> Result<(), RuntimeError> {
        let attribute = |word: &str| ATTRIBUTES.iter().find(|(name, ..)| *name == word);
        if let Some((_, flag, on)) = attribute(word) {
            turn(&mut self.set, &mut self.clear, *flag, *on);
        } else if let Some((_, flag, on)) = word.strip_prefix('r').and_then(attribute) {
            turn(&mut self.set_below, &mut self.clear_below, *flag, *on);
        } else if let Some(change) = propagation(word) {
            self.propagation.push(change);
        } else {
            match word {
                "bind" => self.bind = true,
                "rbind" => (self.bind, self.recursive) = (true, true),
                "tmpcopyup" => self.copy_up = true,
                "idmap" => self.owners = Some(false),
                "ridmap" => self.owners = Some(true),
                "remount" => return Err(unsupported("the option remount")),
                "mand" => return Err(unsupported("the option mand, which kernels have lost,")),
                "" => return Err(invalid("it has an empty option")),
                // the others are the file system's, which refuses what it does not know
                other => self.data.push(other.to_owned()),
            }
        }
        Ok(())
    }
}

fn turn(set: &mut Flags, clear: &mut Flags, flag: Flags, on: bool) {
    let (to, from) = if on { (set, clear) } else { (clear, set) };
    *to |= flag;
    *from -= flag;
}

/// What must be cleared where a time of access is set.
fn one_time(set: Flags) -> Flags {
    let times = Flags::MOUNT_ATTR_NOATIME | Flags::MOUNT_ATTR_STRICTATIME;
    match set.intersects(times) {
        true => Flags::MOUNT_ATTR__ATIME,
        false => Flags::empty(),
    }
}
