//! Stock clients of the Docker Engine API drive rnet.

mod compose;
mod curl;
mod docker;
mod docker_day;
mod docker_objects;
mod docker_py;
mod fuzz;
mod terminal;
mod tls;

use std::path::PathBuf;

use anyhow::{Result, ensure};
use rnet_tests::Lab;

use crate::on_lab;

/// Where stock clients find rnet.
const HOST: &str = "unix:///run/rnet/rnet.sock";

/// Docker's command, of one version.
struct Docker<'a> {
    lab: &'a Lab,
    program: PathBuf,
}

impl Docker<'_> {
    /// What it writes to its standard output; that it fails is an error.
    fn run(&self, line: &str) -> Result<String> {
        self.lab.host(&self.command(line))
    }

    /// What it writes to its standard error, when it ends with `code`.
    fn fails(&self, code: i32, line: &str) -> Result<String> {
        self.lab.try_host(&self.command(line))?.failure(code)
    }

    /// The command line, for a shell of the lab.
    fn command(&self, line: &str) -> String {
        format!("DOCKER_HOST={HOST} {} {line}", self.program.display())
    }
}

/// Tells a story with every version of Docker's command that there is, each on a lab of its own.
fn with_docker(story: impl Fn(&Docker<'_>) -> Result<()>) -> Result<()> {
    let mut found = 0;
    for program in ["/usr/bin/docker", "/usr/local/bin/docker", "docker"] {
        let lone = program == "docker";
        if (lone && found > 0) || (!lone && !PathBuf::from(program).is_file()) {
            continue;
        }
        found += 1;
        on_lab(|lab| {
            let program = lab
                .host(&format!("command -v {program}"))
                .map(PathBuf::from);
            ensure!(
                program.is_ok(),
                "docker's command is missing: run `make setup`"
            );
            story(&Docker {
                lab,
                program: program?,
            })
        })?;
    }
    Ok(())
}
