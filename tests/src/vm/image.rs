//! The file system a virtual machine starts with: programs, the libraries they need, kernel modules, a job.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::kernel::Kernel;
use super::run;

/// What a lab's commands need that busybox has not, or not whole.
const TOOLS: [&str; 5] = ["ip", "nft", "nsenter", "readlink", "timeout"];

/// A tree of files that becomes an archive in the format of the kernel's
/// Documentation/driver-api/early-userspace/buffer-format.rst.
pub(super) struct Image {
    root: TempDir,
}

impl Image {
    /// A tree with a shell, the usual commands, and a first process that runs `job`.
    pub(super) fn new(within: &Path, job: &str) -> Result<Self> {
        let image = Self {
            root: tempfile::tempdir_in(within)?,
        };
        image.write("init", include_str!("init.sh"))?;
        image.write("sbin/start", include_str!("start.sh"))?;
        image.write("job", job)?;
        image.program(&in_path("busybox")?, "bin/busybox")?;
        // not busybox's shell, which takes its own commands for those of the image
        image.program(&in_path("dash")?, "bin/sh")?;
        for tool in TOOLS {
            image.program(&in_path(tool)?, format!("usr/bin/{tool}"))?;
        }
        Ok(image)
    }

    /// Takes along a program, without its debugging symbols, and the libraries it is linked to.
    pub(super) fn program(&self, source: &Path, target: impl AsRef<Path>) -> Result<()> {
        let stripped = self.at(target)?;
        run(Command::new("strip").arg("-o").arg(&stripped).arg(source))?;
        fs::set_permissions(&stripped, Permissions::from_mode(0o755))?;
        // ldd fails for a program that needs no library
        let output = Command::new("ldd")
            .arg(source)
            .output()
            .context("run ldd")?;
        let text = String::from_utf8_lossy(&output.stdout);
        for library in text.split_whitespace().filter(|word| word.starts_with('/')) {
            let target = self.at(library)?;
            if !target.exists() {
                fs::copy(library, &target).with_context(|| format!("copy {library}"))?;
            }
        }
        Ok(())
    }

    /// Takes along the modules in use and the index by which the kernel finds them.
    pub(super) fn modules(&self, kernel: &Kernel) -> Result<()> {
        let modules = format!("lib/modules/{}", kernel.release);
        let dependencies = fs::read_to_string(kernel.modules().join("modules.dep"))?;
        let indices = ["modules.dep", "modules.alias", "modules.builtin"];
        for file in kernel
            .modules_in_use(&dependencies)
            .into_iter()
            .chain(indices)
        {
            fs::copy(
                kernel.modules().join(file),
                self.at(format!("{modules}/{file}"))?,
            )
            .with_context(|| format!("copy {file}"))?;
        }
        Ok(())
    }

    /// Writes the archive.
    pub(super) fn archive(&self, target: &Path) -> Result<()> {
        let names = run(Command::new("find").arg(".").current_dir(self.root.path()))?;
        let mut packer = Command::new("busybox")
            .args(["cpio", "-o", "-H", "newc"])
            .current_dir(self.root.path())
            .stdin(Stdio::piped())
            .stdout(fs::File::create(target)?)
            .stderr(Stdio::null())
            .spawn()
            .context("run busybox")?;
        packer
            .stdin
            .take()
            .context("cpio without input")?
            .write_all(names.as_bytes())?;
        let status = packer.wait()?;
        ensure!(status.success(), "packing the image failed: {status}");
        Ok(())
    }

    fn write(&self, target: &str, script: &str) -> Result<()> {
        let path = self.at(target)?;
        fs::write(&path, script)?;
        Ok(fs::set_permissions(&path, Permissions::from_mode(0o755))?)
    }

    /// A path in the image, its directory made.
    fn at(&self, target: impl AsRef<Path>) -> Result<PathBuf> {
        let target = target.as_ref();
        let path = self
            .root
            .path()
            .join(target.strip_prefix("/").unwrap_or(target));
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        Ok(path)
    }
}

fn in_path(name: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .map(|directory| directory.join(name))
        .find(|program| program.is_file())
        .with_context(|| format!("{name} is not installed: install the package that has it"))
}
