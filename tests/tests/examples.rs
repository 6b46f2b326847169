//! The examples run, and print what they promise.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use rnet_tests::Lab;

/// Runs an example's script; its output.
fn run(example: &str) -> Result<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../examples")
        .join(example);
    let script = script
        .join("lab.sh")
        .canonicalize()
        .context("an example has a script")?;
    Lab::start()?.host(&format!("sh -eu {} 2>&1", script.display()))
}

#[test]
fn every_example_is_run_by_a_test() -> Result<()> {
    let folders = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples"))?;
    let mut names: Vec<_> = folders
        .filter_map(|entry| entry.ok().filter(|it| it.path().is_dir()))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "build",
            "compose",
            "plugin",
            "published-port",
            "two-networks"
        ]
    );
    Ok(())
}

#[test]
fn build() -> Result<()> {
    let said = run("build")?;
    assert!(said.contains("\nbuilt here"), "{said}");
    Ok(())
}

#[test]
fn compose() -> Result<()> {
    let said = run("compose")?;
    let answers = said.lines().filter(|line| *line == "42").count();
    assert_eq!(answers, 2, "{said}");
    assert_eq!(said.matches("(healthy)").count(), 2, "{said}");
    Ok(())
}

#[test]
fn a_published_port() -> Result<()> {
    let said = run("published-port")?;
    assert!(said.contains("it works"), "{said}");
    assert!(said.contains("tcp . 8080"), "{said}");
    Ok(())
}

#[test]
fn a_plugin() -> Result<()> {
    let said = run("plugin")?;
    assert!(said.contains("1 /NetworkDriver.CreateNetwork"), "{said}");
    assert!(said.contains("\nnothing is left"), "{said}");
    Ok(())
}

#[test]
fn two_networks() -> Result<()> {
    let said = run("two-networks")?;
    assert_eq!(said.matches("(exit code 1)").count(), 3, "{said}");
    assert!(said.lines().any(|line| line == "42"), "{said}");
    Ok(())
}

#[test]
fn the_first_steps_of_the_readme_work() -> Result<()> {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md"))?;
    let (_, steps) = readme
        .split_once("The first image")
        .context("the first steps are there")?;
    let (steps, _) = steps.split_once("\n`rnet COMMAND").context("they end")?;
    let lines = steps.lines().filter_map(|line| line.strip_prefix("    "));
    let lines: Vec<_> = lines.filter(|line| !line.starts_with("apt-get")).collect();
    assert!(lines.len() > 8, "{lines:?}");
    let mut lab = Lab::bare()?;
    lab.start_netd()?;
    let idle = lab.contents()?;
    let script = format!(
        "set -eux\ncd {}\n{}\n",
        lab.directory().display(),
        lines.join("\n")
    );
    let said = lab.host(&format!("{{ {script} }} 2>&1"))?;
    assert_eq!(
        said.lines().filter(|line| *line == "hello").count(),
        2,
        "{said}"
    );
    lab.host("rnet image rm busybox")?;
    lab.assert_nothing_left(&idle)
}
