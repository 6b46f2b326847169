//! A kernel as its package has it, and the modules that rnet's networks and containers need of it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::run;

/// The modules in use, by their paths' beginnings; those they depend on come along.
const WANTED: &[&str] = &[
    "kernel/drivers/net/dummy.ko",
    "kernel/drivers/net/ipvlan/",
    "kernel/drivers/net/macvlan.ko",
    "kernel/drivers/net/veth.ko",
    "kernel/drivers/net/vxlan",
    "kernel/fs/overlayfs/",
    "kernel/net/802/",
    "kernel/net/bridge/",
    "kernel/net/ipv4/",
    "kernel/net/ipv6/",
    "kernel/net/llc/",
    "kernel/net/netfilter/nf",
    "kernel/net/netfilter/xt_",
];

/// One kernel.
pub(super) struct Kernel {
    /// What to boot.
    pub(super) image: PathBuf,
    /// Its release, as uname(2) says it.
    pub(super) release: String,
    modules: PathBuf,
}

impl Kernel {
    /// The only kernel in a tree unpacked from its package; its modules are indexed, once.
    pub(super) fn within(tree: &Path) -> Result<Self> {
        let roots = [tree.to_owned(), tree.join("usr")];
        let root = roots.iter().find(|root| root.join("lib/modules").is_dir());
        let root = root.context("a package without modules")?;
        let entry = fs::read_dir(root.join("lib/modules"))?.next();
        let entry = entry.context("a package without a kernel's modules")??;
        let release = entry.file_name().to_string_lossy().into_owned();
        let image = tree.join(format!("boot/vmlinuz-{release}"));
        if !entry.path().join("modules.dep").exists() {
            run(Command::new("busybox")
                .args(["depmod", "-b"])
                .arg(root)
                .arg(&release))?;
        }
        Ok(Self {
            image,
            release,
            modules: entry.path(),
        })
    }

    /// Paths of the modules in use, relative to [`Self::modules`]; `dependencies` is the text of modules.dep(5).
    pub(super) fn modules_in_use<'d>(&self, dependencies: &'d str) -> BTreeSet<&'d str> {
        let wanted = |path: &str| WANTED.iter().any(|start| path.starts_with(start));
        dependencies
            .lines()
            .filter_map(|line| line.split_once(':'))
            .filter(|(module, _)| wanted(module))
            .flat_map(|(module, needs)| needs.split_whitespace().chain([module]))
            .collect()
    }

    /// The directory with all of its modules.
    pub(super) fn modules(&self) -> &Path {
        &self.modules
    }
}
