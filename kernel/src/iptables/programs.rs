//! The programs of iptables, run in one network namespace.

use std::fs::File;
use std::io::Write;
use std::panic::resume_unwind;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;

use iptables::IPTables;
use nix::sched::{CloneFlags, setns};

use super::ruleset::{Family, Table};
use super::standing::Standing;
use super::writers::Writers;
use crate::KernelError;

/// How long another program may hold the lock that writers of iptables share.
const PATIENCE_SECONDS: &str = "10";

/// Which of the programs that Debian has side by side.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Variant {
    /// `iptables`, whichever that is on this host.
    #[default]
    Default,
    /// `iptables-nft`, which keeps its rules in nf_tables.
    Nft,
    /// `iptables-legacy`, which keeps them in ip_tables.
    Legacy,
}

/// What of the kernel programs keep their rules in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// nf_tables.
    Nft,
    /// ip_tables and ip6_tables.
    Legacy,
}

/// The programs of one family.
pub(super) struct Programs {
    pub(super) family: Family,
    pub(super) kind: Kind,
    listing: IPTables,
    restore: String,
    writers: Arc<Writers>,
}

impl From<Kind> for Variant {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Nft => Self::Nft,
            Kind::Legacy => Self::Legacy,
        }
    }
}

impl Variant {
    const fn suffix(self) -> &'static str {
        match self {
            Self::Default => "",
            Self::Nft => "-nft",
            Self::Legacy => "-legacy",
        }
    }

    const fn program(self, family: Family) -> &'static str {
        match (family, self) {
            (family, Self::Default) => family.program(),
            (Family::V4, Self::Nft) => "iptables-nft",
            (Family::V4, Self::Legacy) => "iptables-legacy",
            (Family::V6, Self::Nft) => "ip6tables-nft",
            (Family::V6, Self::Legacy) => "ip6tables-legacy",
        }
    }
}

impl Programs {
    /// Finds the programs of one family.
    pub(super) fn find(
        family: Family,
        variant: Variant,
        writers: &Arc<Writers>,
    ) -> Result<Self, KernelError> {
        let program = variant.program(family);
        let missing = |cause: String| KernelError::NoIptables {
            program: program.to_owned(),
            cause,
        };
        let version = match Command::new(program).arg("--version").output() {
            Ok(output) if output.status.success() => output.stdout,
            Ok(output) => return Err(missing(complaint(&output.stderr))),
            Err(error) => return Err(missing(error.to_string())),
        };
        let listing = iptables::new(family == Family::V6);
        let mut listing = listing.map_err(|error| missing(error.to_string()))?;
        listing.cmd = program;
        // before 1.8 there was one kind, and no word for it
        let kind = match String::from_utf8_lossy(&version).contains("nf_tables") {
            true => Kind::Nft,
            false => Kind::Legacy,
        };
        Ok(Self {
            family,
            kind,
            listing,
            writers: Arc::clone(writers),
            restore: format!("{}{}-restore", family.program(), variant.suffix()),
        })
    }

    /// What of rnet's stands in these tables, which are made where they were not.
    pub(super) fn standing(&self, tables: &[Table]) -> Result<Standing, KernelError> {
        let mut standing = Standing::default();
        for &table in tables {
            let refused = |complaint: String| KernelError::Iptables {
                program: self.listing.cmd.to_owned(),
                operation: format!("list table {table}"),
                complaint,
            };
            let output = self.listing.execute(table.as_str(), "-S");
            let output = output.map_err(|error| refused(error.to_string()))?;
            if !output.status.success() {
                return Err(refused(complaint(&output.stderr)));
            }
            standing.read(table, &String::from_utf8_lossy(&output.stdout));
        }
        Ok(standing)
    }

    /// Makes a change, all of it or, table by table, none.
    pub(super) fn restore(&self, lines: &str) -> Result<(), KernelError> {
        if lines.is_empty() {
            return Ok(());
        }
        let mut command = Command::new(&self.restore);
        command
            .args(["--noflush", "--wait", PATIENCE_SECONDS])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let refused = |complaint| KernelError::Iptables {
            program: self.restore.clone(),
            operation: "change its rules".to_owned(),
            complaint,
        };
        let missing = |error: std::io::Error| KernelError::NoIptables {
            program: self.restore.clone(),
            cause: error.to_string(),
        };
        let mut child = command.spawn().map_err(missing)?;
        self.writers.add(child.id());
        if let Some(mut stdin) = child.stdin.take() {
            // one that stops reading has refused, and says so
            let _ = stdin.write_all(lines.as_bytes());
        }
        let output = child
            .wait_with_output()
            .map_err(|error| refused(error.to_string()))?;
        if output.status.success() {
            return Ok(());
        }
        let said = complaint(&output.stderr);
        Err(refused(match culprit(&said, lines) {
            Some(line) => format!("{said} (that is: {line})"),
            None => said,
        }))
    }
}

/// Runs something in a network namespace, on a thread of its own.
pub(super) fn at_home<T: Send>(
    home: &File,
    work: impl FnOnce() -> Result<T, KernelError> + Send,
) -> Result<T, KernelError> {
    let journey = || {
        setns(home, CloneFlags::CLONE_NEWNET).map_err(|error| KernelError::GoHome {
            source: error.into(),
        })?;
        work()
    };
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("iptables".to_owned());
        let thread = thread.spawn_scoped(scope, journey);
        let thread = thread.map_err(|source| KernelError::StartThread { source })?;
        thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

/// What a program said, in one line.
fn complaint(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let lines = lines.filter(|line| !line.starts_with("Try `"));
    lines.collect::<Vec<_>>().join("; ")
}

/// The line of the input that a complaint is about.
fn culprit<'a>(said: &str, lines: &'a str) -> Option<&'a str> {
    let after = said
        .split_once("line ")
        .or_else(|| said.split_once("line: "))?
        .1;
    let number = after
        .trim_start_matches(' ')
        .split(|it: char| !it.is_ascii_digit())
        .next()?;
    lines
        .lines()
        .nth(number.parse::<usize>().ok()?.checked_sub(1)?)
}
