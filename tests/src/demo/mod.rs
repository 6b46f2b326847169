//! The story of rnet, told by real containers: each command is shown with what it printed, and checked.

mod crash;
mod networks;
mod outside;
mod start;
mod tools;

use std::io::IsTerminal;

use anyhow::{Result, ensure};

use crate::lab::{Contents, Lab, Ran, busybox_archive, eventually};

/// Tells it all; an error if anything was not as it should be.
pub fn tell() -> Result<()> {
    println!(
        "A lab host of its own (192.0.2.1), and a machine outside (192.0.2.2), made of namespaces."
    );
    let mut story = Story::begin()?;
    start::a_network(&story)?;
    start::two_containers(&story)?;
    networks::names(&story)?;
    outside::in_and_out(&story)?;
    networks::isolation(&story)?;
    networks::toggles(&story)?;
    tools::look_around(&story)?;
    crash::netd_dies(&mut story)?;
    crash::nothing_is_left(story)?;
    println!("\nEverything was as it should be.");
    Ok(())
}

/// The lab, and how it is told of.
struct Story {
    lab: Lab,
    /// The lab before `netd` ran for the first time.
    untouched: Contents,
    /// The lab when `netd` had started, and had nothing to do yet.
    idle: Contents,
}

impl Story {
    fn begin() -> Result<Self> {
        let mut lab = Lab::bare()?;
        busybox_archive(&lab.directory().join("busybox.tar"))?;
        lab.serve_whoami()?;
        let untouched = lab.contents()?;
        println!("\nlab# netd &");
        lab.start_netd()?;
        let idle = lab.contents()?;
        Ok(Self {
            lab,
            untouched,
            idle,
        })
    }

    fn chapter(&self, title: &str) {
        println!("\n{}", highlighted("1", &format!("── {title} ──")));
    }

    /// Runs a command line on the lab host that succeeds.
    fn host(&self, line: &str) -> Result<String> {
        shown("lab#", self.lab.try_host(line)?).success()
    }

    /// Runs a command line on the lab host that fails.
    fn host_fails(&self, line: &str) -> Result<Ran> {
        let ran = shown("lab#", self.lab.try_host(line)?);
        ensure!(ran.code != 0, "$ {line}\nsucceeded, but must not");
        Ok(ran)
    }

    /// Runs a command line on the machine outside that succeeds.
    fn outside(&self, line: &str) -> Result<String> {
        shown("outside#", self.lab.try_outside(line)?).success()
    }

    /// Waits in silence until a command line succeeds on the lab host: what it starts may take a moment.
    fn wait_for(&self, line: &str) -> Result<()> {
        eventually(|| self.lab.host(line)).map(drop)
    }

    /// An address of a container.
    fn address(&self, container: &str, network: &str) -> Result<String> {
        let format = format!("{{{{(index .NetworkSettings.Networks \"{network}\").IPAddress}}}}");
        self.lab
            .host(&format!("rnet inspect -f '{format}' {container}"))
    }
}

fn shown(prompt: &str, ran: Ran) -> Ran {
    println!("\n{prompt} {}", ran.line);
    for text in [&ran.stdout, &ran.stderr] {
        text.lines().for_each(|line| println!("{line}"));
    }
    ran
}

/// Says what was seen, if it was.
fn check(seen: bool, what: &str) -> Result<()> {
    ensure!(seen, "this should be so, and is not: {what}");
    println!("{}", highlighted("32", &format!("  ✓ {what}")));
    Ok(())
}

/// A line in a colour or weight (ECMA-48, SGR), where somebody looks at it.
fn highlighted(style: &str, line: &str) -> String {
    match std::io::stdout().is_terminal() {
        true => format!("\x1b[{style}m{line}\x1b[0m"),
        false => line.to_owned(),
    }
}
