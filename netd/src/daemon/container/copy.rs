//! A container's files from outside, whether it runs or not.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Component, Path, PathBuf};

use rnet_runtime_glue::image::{About, Change, Root, RootError, changes};
use rnet_runtime_glue::spec::{Mount, MountSource};

use crate::container::{Container, Run};
use crate::daemon::Daemon;
use crate::error::{Error, Result};

impl Daemon {
    /// What there is under a path of a container; a link at its end is not followed.
    pub fn about_file(&self, reference: &str, path: &str) -> Result<About> {
        self.in_root(reference, path, |root, path| root.about(path))
    }

    /// Writes what is under a path of a container as an archive.
    pub fn pack_files(&self, reference: &str, path: &str, out: impl Write) -> Result<()> {
        let container = self.find_container(reference)?;
        self.tell_of_container("archive-path", &container, [("path", path.to_owned())]);
        self.in_root(reference, path, |root, path| root.pack(path, out))
    }

    /// Unpacks an archive into a directory of a container, unless what is there can only be read.
    pub fn unpack_files(&self, reference: &str, path: &str, archive: impl Read) -> Result<()> {
        let container = self.find_container(reference)?;
        let mounts = self.mounts(&container)?;
        match mount_of(&mounts, &clean(path)) {
            Some(mount) if mount.readonly => Err(Error::Forbidden(
                "mounted volume is marked read-only".to_owned(),
            )),
            None if container.host_config.readonly_rootfs.unwrap_or(false) => Err(
                Error::Forbidden("container rootfs is marked read-only".to_owned()),
            ),
            _ => self.in_root(reference, path, |root, path| root.unpack(path, archive)),
        }?;
        self.tell_of_container("extract-to-dir", &container, [("path", path.to_owned())]);
        Ok(())
    }

    /// Writes all files of a container as an archive, without what is mounted into it.
    pub fn export(&self, container: &Container, out: impl Write) -> Result<()> {
        self.tell_of_container("export", container, []);
        let parts = self.rootfs(container)?;
        let root = Root::merged(&parts.lower, &parts.upper)?;
        Ok(root.pack(Path::new("/."), out)?)
    }

    /// What a container has changed of its image's files, by absolute path.
    pub fn changes(&self, reference: &str) -> Result<BTreeMap<PathBuf, Change>> {
        let container = self.find_container(reference)?;
        let mounts = self.mounts(&container)?;
        let mounts: Vec<_> = mounts.iter().map(|it| Path::new(&it.target)).collect();
        let lower = self.lower_dirs(&container)?;
        changes(&lower, &self.upper_dir(&container), &mounts).map_err(|source| {
            Error::Root(RootError::Read {
                path: PathBuf::from("/"),
                source,
            })
        })
    }

    /// Does something with a container's root, which of one that does not run is put together for it; its life stands
    /// still meanwhile.
    fn in_root<T>(
        &self,
        reference: &str,
        path: &str,
        act: impl FnOnce(&Root, &Path) -> std::result::Result<T, RootError>,
    ) -> Result<T> {
        let container = self.find_container(reference)?;
        let asked = clean(path);
        let told = |error| told(error, &container, path);
        if let Some(root) = running(&container) {
            return act(&root.map_err(told)?, &asked).map_err(told);
        }
        self.lives.hold(container.id, || {
            let container = self.find_container(&container.id.to_string())?;
            if let Some(root) = running(&container) {
                return act(&root.map_err(told)?, &asked).map_err(told);
            }
            let mounts = self.mounts(&container)?;
            let inside = mount_of(&mounts, &asked).and_then(|mount| match &mount.source {
                MountSource::Bind(source) if source.is_dir() => {
                    let rest = asked.strip_prefix(&mount.target).ok()?;
                    Some((source.clone(), Path::new("/").join(rest)))
                }
                _ => None,
            });
            let (root, asked) = match inside {
                Some((source, rest)) => (Root::open(&source), rest),
                None => {
                    let parts = self.rootfs(&container)?;
                    let root = Root::stack(&parts.lower, &parts.upper, &parts.work);
                    (root, asked)
                }
            };
            act(&root.map_err(told)?, &asked).map_err(told)
        })
    }
}

/// The root that the processes of a container have, if it runs.
fn running(container: &Container) -> Option<std::result::Result<Root, RootError>> {
    match container.run {
        Run::Running { pid, .. } if pid != 0 => {
            Some(Root::open(Path::new(&format!("/proc/{pid}/root"))))
        }
        _ => None,
    }
}

/// The bind mount or volume that a path is in.
fn mount_of<'a>(mounts: &'a [Mount], path: &Path) -> Option<&'a Mount> {
    let around = mounts.iter().filter(|mount| {
        matches!(mount.source, MountSource::Bind(_)) && path.starts_with(&mount.target)
    });
    around.max_by_key(|mount| mount.target.len())
}

/// A path from the root without `..`, with what is at its end: a slash follows a link, `/.` means the content.
fn clean(path: &str) -> PathBuf {
    let mut clean = PathBuf::from("/");
    for component in Path::new(path).components() {
        match component {
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => {
                clean.pop();
            }
            _ => {}
        }
    }
    if path.ends_with("/.") || path == "." {
        clean.as_mut_os_string().push("/.");
    } else if path.ends_with('/') {
        clean.push("");
    }
    clean
}

fn told(error: RootError, container: &Container, path: &str) -> Error {
    match error {
        RootError::Missing(_) => Error::NoSuchFile {
            path: path.to_owned(),
            container: container.name.clone(),
        },
        RootError::Archive(error) => Error::Image(error),
        error => Error::Root(error),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_path_is_cleaned_and_keeps_what_is_meant_by_its_end() {
        for (path, clean) in [
            ("etc/passwd", "/etc/passwd"),
            ("/a/../../b", "/b"),
            ("/a//b/", "/a/b/"),
            ("/a/.", "/a/."),
            ("/", "/"),
            ("..", "/"),
        ] {
            assert_eq!(super::clean(path).to_str(), Some(clean), "{path}");
        }
    }
}
