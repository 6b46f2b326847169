//! docker-py, Docker's library for Python.

use anyhow::{Result, ensure};

use super::HOST;
use crate::on_lab;

/// A day of a script's; it says where it is wrong by itself.
const STORY: &str = include_str!("docker_py.py");

#[test]
fn docker_py_runs_a_day_of_containers() -> Result<()> {
    on_lab(|lab| {
        let python = lab.clients().join("venv/bin/python");
        if !python.exists() {
            eprintln!("skipped: docker-py is missing: run `make setup`");
            return Ok(());
        }
        let script = lab.directory().join("story.py");
        std::fs::write(&script, STORY)?;
        let line = format!(
            "DOCKER_HOST={HOST} {} {}",
            python.display(),
            script.display()
        );
        let told = lab.host(&line)?;
        ensure!(told == "done", "{told}");
        Ok(())
    })
}
