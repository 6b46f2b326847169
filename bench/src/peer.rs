//! Programs of others: found, or left out aloud; run, or their complaint told.

use std::ffi::OsStr;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// Where programs are that a PATH need not name.
const PLACES: [&str; 3] = ["/usr/lib/podman", "/usr/sbin", "/sbin"];

/// A program on this machine.
#[derive(Clone)]
pub(crate) struct Program {
    path: PathBuf,
    environment: Vec<(String, String)>,
}

impl Program {
    /// The program of this name, from this package of Debian's.
    pub(crate) fn named(name: &str, package: &str) -> Result<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        Self::found(
            name,
            package,
            std::env::split_paths(&path).chain(PLACES.map(PathBuf::from)),
        )
    }

    /// The program of this name in one directory, from this package of Debian's.
    pub(crate) fn within(directory: &str, name: &str, package: &str) -> Result<Self> {
        Self::found(name, package, [PathBuf::from(directory)].into_iter())
    }

    fn found(name: &str, package: &str, mut places: impl Iterator<Item = PathBuf>) -> Result<Self> {
        let found = places.find_map(|place| Some(place.join(name)).filter(|path| path.is_file()));
        let path = found.with_context(|| format!("{name} is not installed (Debian: {package})"))?;
        Ok(Self {
            path,
            environment: Vec::new(),
        })
    }

    /// The same with one more variable in its environment.
    pub(crate) fn with(&self, name: &str, value: impl Into<String>) -> Self {
        let mut program = self.clone();
        program.environment.push((name.to_owned(), value.into()));
        program
    }

    /// A command of it, for whoever wants to start it otherwise.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// What it writes to its standard output, given these arguments and this input.
    pub(crate) fn run<A: AsRef<OsStr>>(&self, arguments: &[A], input: &str) -> Result<String> {
        let mut command = self.command();
        command.args(arguments).stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let told = || format!("cannot run {}", self.path.display());
        let mut child = command.spawn().with_context(told)?;
        let mut stdin = child.stdin.take().with_context(told)?;
        // one that does not read all of it tells why by its exit code
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        let output = child.wait_with_output().with_context(told)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        ensure!(
            output.status.success(),
            "{}: {}\n{}{}",
            self.path.display(),
            output.status,
            text(&output.stdout),
            text(&output.stderr)
        );
        Ok(text(&output.stdout))
    }
}

/// What there is; what cannot be had is told, and left out.
pub(crate) fn if_there<T>(who: &str, made: Result<T>) -> Option<T> {
    made.inspect_err(|error| println!("left out: {who}: {error:#}"))
        .ok()
}
