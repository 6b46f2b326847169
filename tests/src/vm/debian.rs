//! Packages of the Debian archive, unpacked into the cache: nothing is installed, nothing of the machine changes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::run;

/// QEMU, where it is not installed, with the libraries that the machine lacks for it.
const QEMU: &str = "qemu-system-x86";

/// Depends on the newest of Debian's kernels for virtual machines.
const NEWEST_KERNEL: &str = "linux-image-cloud-amd64";

/// A cache directory with packages unpacked in it, each fetched once.
pub(super) struct Debian<'a> {
    cache: &'a Path,
}

impl<'a> Debian<'a> {
    pub(super) const fn new(cache: &'a Path) -> Self {
        Self { cache }
    }

    /// The root of a tree with QEMU in it.
    pub(super) fn qemu(&self) -> Result<PathBuf> {
        self.unpacked("qemu", |packages| {
            let install = [
                "install",
                "--download-only",
                "--yes",
                "--no-install-recommends",
                QEMU,
            ];
            run(self.apt("apt-get").args(install))?;
            let fetched = self.cache.join("apt/cache/archives");
            for package in packages_in(&fetched)? {
                let name = package.file_name().context("a package without a name")?;
                fs::rename(&package, packages.join(name))?;
            }
            Ok(())
        })
    }

    /// The root of a tree with a kernel and its modules in it.
    pub(super) fn kernel(&self) -> Result<PathBuf> {
        self.unpacked("kernel", |packages| {
            let depends = run(self.apt("apt-cache").args(["depends", NEWEST_KERNEL]))?;
            let names = depends
                .lines()
                .filter_map(|line| line.trim().strip_prefix("Depends: "));
            run(self
                .apt("apt-get")
                .arg("download")
                .args(names)
                .current_dir(packages))?;
            Ok(())
        })
    }

    /// The tree of that name, made of the packages that `fetch` puts into the directory it is given.
    fn unpacked(&self, name: &str, fetch: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        let tree = self.cache.join(name);
        if tree.exists() {
            return Ok(tree);
        }
        let part = tempfile::tempdir_in(self.cache)?;
        let (packages, unpacked) = (part.path().join("packages"), part.path().join("tree"));
        fs::create_dir(&packages)?;
        for directory in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(self.cache.join("apt").join(directory))?;
        }
        run(self.apt("apt-get").arg("update"))?;
        fetch(&packages).with_context(|| format!("fetch {name}"))?;
        let found = packages_in(&packages)?;
        ensure!(!found.is_empty(), "apt fetched no package for {name}");
        for package in found {
            run(Command::new("dpkg").arg("-x").arg(package).arg(&unpacked))?;
        }
        // only a tree that is whole has this name
        fs::rename(&unpacked, &tree)?;
        Ok(tree)
    }

    /// The machine's own sources, in lists and a cache that are not the machine's.
    fn apt(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        for (option, directory) in [("Dir::State::lists", "lists"), ("Dir::Cache", "cache")] {
            let directory = self.cache.join("apt").join(directory);
            command
                .arg("-o")
                .arg(format!("{option}={}", directory.display()));
        }
        command.args(["-o", "APT::Sandbox::User=root", "-o", "Acquire::Retries=3"]);
        command
    }
}

fn packages_in(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory)?.map(|entry| Ok(entry?.path()));
    let paths = entries.collect::<Result<Vec<_>>>()?;
    Ok(paths
        .into_iter()
        .filter(|path| path.extension().is_some_and(|e| e == "deb"))
        .collect())
}
