//! The hierarchies of control groups that are mounted, and making a group in one (cgroups(7)).

use std::io::Read;
use std::path::{Path, PathBuf};
use std::{fs, io};

use super::controller::Version;
use super::{v1, v2};
use crate::RuntimeError;

/// One hierarchy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Hierarchy {
    pub(super) mount: PathBuf,
    pub(super) version: Version,
    pub(super) controllers: Vec<String>,
}

impl Hierarchy {
    /// Creates the group and its parents, ready to be joined; what exists already is a success.
    pub(super) fn create(&self, path: &str) -> io::Result<()> {
        let mut directory = self.mount.clone();
        for part in Path::new(path) {
            if self.version == Version::Two {
                v2::enable(&directory, &self.controllers);
            }
            directory.push(part);
            match fs::create_dir(&directory) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
            if self.version == Version::One && self.controllers.iter().any(|c| c == "cpuset") {
                v1::inherit_cpuset(&directory)?;
            }
        }
        Ok(())
    }

    /// The names of its controllers, where the hierarchy is not mounted by the name of its only one.
    pub(super) fn aliases(&self) -> &[String] {
        if self.version == Version::One && self.controllers.len() > 1 {
            &self.controllers
        } else {
            &[]
        }
    }
}

/// The hierarchies that are mounted here.
pub(super) fn mounted() -> Result<Vec<Hierarchy>, RuntimeError> {
    let path = "/proc/self/mountinfo";
    // the kernel makes this text anew for each read, so one should do
    let mut text = String::with_capacity(64 * 1024);
    fs::File::open(path)
        .and_then(|mut file| file.read_to_string(&mut text))
        .map_err(RuntimeError::file("read", path))?;
    let mut found = listed(&text);
    for unified in found.iter_mut().filter(|h| h.version == Version::Two) {
        let listed = fs::read_to_string(unified.mount.join("cgroup.controllers"));
        unified.controllers = listed
            .unwrap_or_default()
            .split_whitespace()
            .map(str::to_owned)
            .collect();
    }
    Ok(found)
}

/// The hierarchies in the text of a mountinfo file (proc_pid_mountinfo(5)), each at the first place it is mounted.
fn listed(mountinfo: &str) -> Vec<Hierarchy> {
    let mut found: Vec<Hierarchy> = Vec::new();
    for hierarchy in mountinfo.lines().filter_map(parse) {
        let same = |other: &Hierarchy| {
            other.version == hierarchy.version && other.controllers == hierarchy.controllers
        };
        if !found.iter().any(same) {
            found.push(hierarchy);
        }
    }
    found
}

fn parse(line: &str) -> Option<Hierarchy> {
    let (place, kind) = line.split_once(" - ")?;
    let mount = PathBuf::from(place.split(' ').nth(4)?);
    let mut kind = kind.split(' ');
    let version = match kind.next()? {
        "cgroup" => Version::One,
        "cgroup2" => Version::Two,
        _ => return None,
    };
    let options = if version == Version::One {
        kind.nth(1)?
    } else {
        ""
    };
    let controllers = options
        .split(',')
        .filter(|option| !option.is_empty() && !v1::MOUNT_OPTIONS.contains(option))
        .filter(|option| !option.starts_with("release_agent="))
        .map(str::to_owned)
        .collect();
    Some(Hierarchy {
        mount,
        version,
        controllers,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hierarchy_is_found_once_and_by_its_controllers() {
        let found = listed(
            "30 24 0:26 / /none/cgroup rw - tmpfs tmpfs rw,mode=755\n\
             31 30 0:27 / /none/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct\n\
             32 30 0:28 / /none/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n\
             33 30 0:29 / /none/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate\n\
             34 30 0:27 /x /else rw - cgroup cgroup rw,cpu,cpuacct\n",
        );
        let names = |h: &Hierarchy| (h.version, h.controllers.join("+"));
        assert_eq!(
            found.iter().map(names).collect::<Vec<_>>(),
            [
                (Version::One, "cpu+cpuacct".to_owned()),
                (Version::One, "name=systemd".to_owned()),
                (Version::Two, String::new()),
            ]
        );
        assert_eq!(found[0].aliases(), ["cpu", "cpuacct"]);
    }
}
