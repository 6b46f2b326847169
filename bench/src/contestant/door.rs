//! rnet as other runtimes meet it: a process of a door for each change, and `netd` in the same world.

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::netavark::request;
use super::{Contestant, SUBNET, host_port};
use crate::peer::Program;
use crate::world::{self, World};

/// How long netd may take to start.
const PATIENCE: Duration = Duration::from_secs(20);

/// A door of rnet's.
pub(crate) struct Door {
    world: World,
    program: Program,
    protocol: Protocol,
    netd: Child,
    root: TempDir,
}

/// How it is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Cni,
    Netavark,
}

impl Door {
    pub(crate) fn cni() -> Result<Self> {
        Self::new(Protocol::Cni, "rnet-cni")
    }

    pub(crate) fn netavark() -> Result<Self> {
        Self::new(Protocol::Netavark, "rnet-netavark")
    }

    fn new(protocol: Protocol, program: &str) -> Result<Self> {
        let me = std::env::current_exe().context("cannot find out where this program is")?;
        let directory = me.parent().context("a program is in a directory")?;
        let directory = directory.to_string_lossy();
        let root = TempDir::new_in("/run")?;
        let at = |name: &str| root.path().join(name).display().to_string();
        let socket = at("sock");
        let program = Program::within(&directory, program, "make release")?;
        let program = program.with("RNET_SOCKET", socket.clone());
        let world = World::new()?;
        world.enter()?;
        let mut netd = Program::within(&directory, "netd", "make release")?.command();
        netd.args(["--state-dir", &at("state"), "--run-dir", &at("run")]);
        netd.args(["-H", &format!("unix://{socket}"), "--bridge", "none"]);
        netd.args(["--plugin-socket", "none"]);
        netd.env("NETD_LOG", "error").stdin(Stdio::null());
        let netd = netd.spawn().context("cannot start netd")?;
        let door = Self {
            world,
            program,
            protocol,
            netd,
            root,
        };
        let deadline = Instant::now() + PATIENCE;
        while UnixStream::connect(&socket).is_err() {
            if Instant::now() > deadline {
                bail!("netd does not listen at {socket}");
            }
            sleep(Duration::from_millis(10));
        }
        Ok(door)
    }

    fn pin(&self, number: u16) -> PathBuf {
        self.root.path().join(format!("netns-{number}"))
    }

    fn run(&self, begins: bool, number: u16, ports: u16) -> Result<()> {
        let pin = self.pin(number).display().to_string();
        let told = match self.protocol {
            Protocol::Cni => self
                .program
                .with("CNI_COMMAND", if begins { "ADD" } else { "DEL" })
                .with("CNI_CONTAINERID", format!("c{number}"))
                .with("CNI_NETNS", pin)
                .with("CNI_IFNAME", "eth0")
                .run::<&str>(&[], &self.config(number, ports).to_string()),
            Protocol::Netavark => {
                let action = if begins { "setup" } else { "teardown" };
                self.program.run(&[action, &pin], &request(number, ports))
            }
        };
        told.map(drop)
    }

    fn config(&self, number: u16, ports: u16) -> Value {
        let first = host_port(number);
        let port = |port| json!({"hostPort": port, "containerPort": 80, "protocol": "tcp"});
        let ports: Vec<_> = (first..first + ports).map(port).collect();
        json!({
            "cniVersion": "1.0.0", "name": "bench", "type": "rnet", "socket": self.root.path().join("sock"),
            "subnets": [{"subnet": SUBNET}], "runtimeConfig": {"portMappings": ports},
        })
    }
}

impl Contestant for Door {
    fn name(&self) -> String {
        match self.protocol {
            Protocol::Cni => "rnet-cni",
            Protocol::Netavark => "rnet-netavark",
        }
        .to_owned()
    }

    fn attach(&self, number: u16, ports: u16) -> Result<()> {
        self.world.enter()?;
        world::pin(&self.pin(number))?;
        self.run(true, number, ports)
    }

    fn detach(&self, number: u16) -> Result<()> {
        self.world.enter()?;
        self.run(false, number, 1)?;
        world::unpin(&self.pin(number))
    }

    fn objects(&self) -> Result<usize> {
        Ok(self.world.links()? + world::pinned(self.root.path())?)
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        let _ = self.netd.kill();
        let _ = self.netd.wait();
    }
}
