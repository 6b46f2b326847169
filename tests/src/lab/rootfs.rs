//! The image that containers of the lab are made from: busybox, and what a system has at least.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tar::{Builder, EntryType, Header};

/// Where Debian's package busybox-static puts it, before and after the merge of /bin and /usr/bin.
const BUSYBOX: [&str; 2] = ["/bin/busybox", "/usr/bin/busybox"];

/// Writes the archive of a root file system with busybox under each of its names.
pub fn busybox_archive(path: &Path) -> Result<()> {
    let busybox = BUSYBOX
        .map(PathBuf::from)
        .into_iter()
        .find(|path| path.is_file());
    let busybox = busybox.context("busybox is missing: install busybox-static")?;
    let listed = Command::new(&busybox)
        .arg("--list")
        .output()
        .context("cannot run busybox")?;
    ensure!(
        listed.status.success(),
        "{} --list: {}",
        busybox.display(),
        listed.status
    );
    let written = || {
        let mut archive = Builder::new(File::create(path)?);
        for (directory, mode) in [
            ("bin", 0o755),
            ("etc", 0o755),
            ("root", 0o700),
            ("tmp", 0o1777),
            ("www", 0o755),
        ] {
            let header = &mut header(EntryType::Directory, mode, 0);
            archive.append_data(header, directory, std::io::empty())?;
        }
        archive.append_path_with_name(&busybox, "bin/busybox")?;
        for name in String::from_utf8_lossy(&listed.stdout)
            .lines()
            .filter(|it| *it != "busybox")
        {
            let header = &mut header(EntryType::Symlink, 0o777, 0);
            archive.append_link(header, format!("bin/{name}"), "busybox")?;
        }
        for (name, text) in [
            (
                "etc/passwd",
                "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n",
            ),
            ("etc/group", "root:x:0:\nnogroup:x:65534:\n"),
        ] {
            let header = &mut header(EntryType::Regular, 0o644, text.len() as u64);
            archive.append_data(header, name, text.as_bytes())?;
        }
        archive.into_inner()?.sync_all()
    };
    written().with_context(|| format!("cannot write {}", path.display()))
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}
