//! All that a lab holds, to compare with what it held before.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::Lab;
use crate::world::control_groups;

/// What is in a lab at one moment: interfaces, addresses, routes, network namespaces, mounts, tables of the packet
/// filter, control groups, processes and files, a line each.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contents(BTreeSet<String>);

impl Lab {
    /// All that it holds now.
    pub fn contents(&self) -> Result<Contents> {
        let mut lines = BTreeSet::new();
        for (kind, line) in [
            ("interface", "ip -o link | cut -d: -f2 | cut -d@ -f1"),
            ("address", "ip -o address | awk '{ print $2, $4 }'"),
            // the kernel adds an anycast route for each subnet of a router, which the first network with IPv6 makes of the host
            ("route", "ip route show table all | grep -v ^anycast"),
            ("rule", "ip rule"),
            ("table of the packet filter:", "nft list tables"),
        ] {
            let told = self.host(line)?;
            // the kernel makes link-local addresses up, and sees that a link has a peer, when it likes; and a host that
            // became a router stays one, with the anycast addresses of routers
            let passing = ["fe80:", "ff00::/8", "anycast "];
            let told = told
                .lines()
                .filter(|line| !passing.iter().any(|it| line.contains(it)));
            let told = told.map(|it| it.trim().trim_end_matches(" linkdown"));
            lines.extend(told.map(|it| format!("{kind} {it}")));
        }
        lines.extend(self.mounts()?.into_iter().map(|it| format!("mount {it}")));
        lines.extend(
            self.processes()?
                .into_iter()
                .map(|it| format!("process {it}")),
        );
        for directory in control_groups::directories(&self.control_group) {
            let mut groups = control_groups::below(&directory);
            groups.push(directory);
            lines.extend(
                groups
                    .iter()
                    .map(|it| format!("control group {}", it.display())),
            );
        }
        for directory in ["run", "var/lib", "var/tmp"] {
            collect_files(&self.root(), &self.root().join(directory), &mut lines)?;
        }
        Ok(Contents(lines))
    }

    /// That nothing came, and nothing went, since `before`.
    pub fn assert_nothing_left(&self, before: &Contents) -> Result<()> {
        // a link that was deleted, or a process that was killed, takes the kernel a moment
        super::eventually(|| {
            let changes = self.contents()?.changes_since(before);
            ensure!(
                changes.is_empty(),
                "the lab is not as it was before:\n{changes}"
            );
            Ok(())
        })
    }

    fn mounts(&self) -> Result<Vec<String>> {
        let path = format!("/proc/{}/mountinfo", self.host);
        let table = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        // the fifth field is where it is mounted: proc_pid_mountinfo(5)
        Ok(table
            .lines()
            .filter_map(|line| line.split(' ').nth(4))
            .map(str::to_owned)
            .collect())
    }

    fn processes(&self) -> Result<Vec<String>> {
        let table = self.root().join("proc");
        let entries = fs::read_dir(&table).context("cannot list the lab's processes")?;
        let commands = entries.flatten().filter_map(|entry| {
            entry.file_name().to_str()?.parse::<u32>().ok()?;
            // a process that has ended meanwhile is none, and neither is one whose end was not yet asked for
            let arguments = fs::read(entry.path().join("cmdline")).ok()?;
            let arguments = String::from_utf8_lossy(&arguments).replace('\0', " ");
            Some(arguments.trim().to_owned()).filter(|text| !text.is_empty())
        });
        Ok(commands.collect())
    }
}

impl Contents {
    /// What came and what went, a line each.
    pub fn changes_since(&self, before: &Self) -> String {
        let came = self
            .0
            .difference(&before.0)
            .map(|line| format!("  left over: {line}\n"));
        let went = before
            .0
            .difference(&self.0)
            .map(|line| format!("  taken away: {line}\n"));
        came.chain(went).collect()
    }

    /// How many things.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it is nothing at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// The files below a directory, without those of what is mounted there.
fn collect_files(root: &Path, directory: &Path, lines: &mut BTreeSet<String>) -> Result<()> {
    let failed = || format!("cannot list {}", directory.display());
    let device = fs::metadata(directory).with_context(failed)?.dev();
    for entry in fs::read_dir(directory).with_context(failed)? {
        let path = entry.with_context(failed)?.path();
        // gone meanwhile
        let Ok(metadata) = fs::symlink_metadata(&path) else {
            continue;
        };
        let shown = path.strip_prefix(root).unwrap_or(&path);
        lines.insert(format!("file /{}", shown.display()));
        if metadata.is_dir() && metadata.dev() == device {
            collect_files(root, &path, lines)?;
        }
    }
    Ok(())
}
