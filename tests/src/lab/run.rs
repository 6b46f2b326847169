//! Running command lines in a lab, as a person types them.

use std::io::IsTerminal;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::Lab;

/// How long a command line may take, in seconds.
const PATIENCE: &str = "120";

/// A command line that was run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ran {
    /// The command line.
    pub line: String,
    /// Its exit code; 124 if it took longer than a minute.
    pub code: i32,
    /// What it wrote to its standard output, without the last newline.
    pub stdout: String,
    /// What it wrote to its standard error, without the last newline.
    pub stderr: String,
}

impl Lab {
    /// Runs a shell's command line on the lab host; what it writes to its standard output.
    ///
    /// An exit code other than 0 is an error that tells all about it. `rnet` finds its daemon by itself.
    pub fn host(&self, line: &str) -> Result<String> {
        self.try_host(line)?.success()
    }

    /// Runs a command line on the lab host that may fail.
    pub fn try_host(&self, line: &str) -> Result<Ran> {
        run(&mut self.enter(self.host), line)
    }

    /// Runs a command line on the machine outside.
    pub fn outside(&self, line: &str) -> Result<String> {
        self.try_outside(line)?.success()
    }

    /// Runs a command line on the machine outside that may fail.
    pub fn try_outside(&self, line: &str) -> Result<Ran> {
        run(&mut self.enter(self.outside), line)
    }

    /// Starts a command line on the machine outside that ends with the lab.
    pub fn serve_outside(&self, line: &str) -> Result<()> {
        // a shell's child in the background is adopted by process 1 of the lab
        self.outside(&format!("{{ {line}; }} >/dev/null 2>&1 </dev/null &"))
            .map(drop)
    }

    /// A command that enters the namespaces of a process of the lab, without a program yet.
    pub(super) fn enter(&self, process: u32) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--target={process}"));
        command.args(["--mount", "--net", "--uts", "--ipc", "--pid", "--"]);
        let path = std::env::var("PATH").unwrap_or_default();
        command.env(
            "PATH",
            format!("{}:{path}:/usr/sbin:/sbin", self.programs.display()),
        );
        for (name, _) in std::env::vars_os() {
            let told = name.to_string_lossy();
            if ["RNET_", "NETD_", "DOCKER_", "COMPOSE_"]
                .iter()
                .any(|it| told.starts_with(it))
            {
                command.env_remove(&name);
            }
        }
        // what a user of this machine told docker is not for the lab
        command.env("DOCKER_CONFIG", self.directory().join("docker"));
        command.stdin(Stdio::null());
        command
    }

    /// Starts a command line on the lab host, for a test that goes on meanwhile.
    pub fn begin(&self, line: &str) -> Result<Child> {
        let mut command = self.enter(self.host);
        command
            .args(["sh", "-c", line])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
            .spawn()
            .with_context(|| format!("cannot run {line}"))
    }
}

impl Lab {
    /// Gives whoever sits at the terminal a shell on the lab host, or runs the script that comes in its place.
    pub fn shell(&self) -> Result<()> {
        let interactive = std::io::stdin().is_terminal();
        let mut command = self.enter(self.host);
        command
            .args(["sh", if interactive { "-i" } else { "-eu" }])
            .stdin(Stdio::inherit());
        let status = command.status().context("cannot run nsenter")?;
        // how a person leaves a shell is nobody's failure
        ensure!(
            interactive || status.success(),
            "the script ended with {status}"
        );
        Ok(())
    }

    /// Removes every container, and every network that somebody made.
    pub fn clear(&self) -> Result<()> {
        self.host("rnet ps -aq | xargs -r rnet rm -f")?;
        self.host("rnet network ls -q --filter type=custom | xargs -r rnet network rm")
            .map(drop)
    }
}

impl Ran {
    /// Its output, if it succeeded.
    pub fn success(self) -> Result<String> {
        let Self {
            line,
            code,
            stdout,
            stderr,
        } = self;
        ensure!(
            code == 0,
            "$ {line}\n{stdout}{stderr}\nended with exit code {code}"
        );
        Ok(stdout)
    }

    /// What it wrote to its standard error, if it failed with `code`.
    pub fn failure(self, expected: i32) -> Result<String> {
        let Self {
            line,
            code,
            stdout,
            stderr,
        } = self;
        ensure!(
            code == expected,
            "$ {line}\n{stdout}\n{stderr}\nended with exit code {code}, not {expected}"
        );
        Ok(stderr)
    }
}

fn run(command: &mut Command, line: &str) -> Result<Ran> {
    command.args(["timeout", "--kill-after=5", PATIENCE, "sh", "-c", line]);
    let output = command.output().context("cannot run nsenter")?;
    let text = |bytes: &[u8]| {
        String::from_utf8_lossy(bytes)
            .trim_end_matches('\n')
            .to_owned()
    };
    Ok(Ran {
        line: line.to_owned(),
        code: output.status.code().unwrap_or(-1),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    })
}
