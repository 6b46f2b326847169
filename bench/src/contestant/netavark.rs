//! netavark, as podman asks it: one process for each change, told on its standard input.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Contestant, GATEWAY, SUBNET, address, host_port};
use crate::peer::Program;
use crate::world::{self, World};

/// netavark with its default firewall and without DNS.
pub(crate) struct Netavark {
    world: World,
    program: Program,
    version: String,
    root: TempDir,
}

impl Netavark {
    pub(crate) fn new() -> Result<Self> {
        let program = Program::named("netavark", "netavark")?;
        let told: Value = serde_json::from_str(&program.run(&["version"], "")?)?;
        let version = told["version"]
            .as_str()
            .context("netavark does not tell its version")?;
        Ok(Self {
            world: World::new()?,
            version: version.to_owned(),
            program,
            root: TempDir::new_in("/run")?,
        })
    }

    fn pin(&self, number: u16) -> PathBuf {
        self.root.path().join(format!("netns-{number}"))
    }

    fn run(&self, action: &str, number: u16, ports: u16) -> Result<()> {
        let (config, pin) = (self.root.path().join("config"), self.pin(number));
        let arguments = [
            "--config".as_ref(),
            config.as_os_str(),
            action.as_ref(),
            pin.as_os_str(),
        ];
        self.program
            .run(&arguments, &request(number, ports))
            .map(drop)
    }
}

impl Contestant for Netavark {
    fn name(&self) -> String {
        // netavark has nftables since 1.10, and by default since 1.12 where it was built so
        format!("netavark {}", self.version)
    }

    fn attach(&self, number: u16, ports: u16) -> Result<()> {
        self.world.enter()?;
        world::pin(&self.pin(number))?;
        self.run("setup", number, ports)
    }

    fn detach(&self, number: u16) -> Result<()> {
        self.world.enter()?;
        self.run("teardown", number, 1)?;
        world::unpin(&self.pin(number))
    }

    fn objects(&self) -> Result<usize> {
        Ok(self.world.links()? + world::pinned(self.root.path())?)
    }
}

pub(super) fn request(number: u16, ports: u16) -> String {
    let first = host_port(number);
    let port = |host_port| {
        json!({
            "host_ip": "", "host_port": host_port, "container_port": 80, "range": 1, "protocol": "tcp",
        })
    };
    json!({
        "container_id": format!("{number:064x}"),
        "container_name": format!("c{number}"),
        "port_mappings": (first..first + ports).map(port).collect::<Vec<_>>(),
        "networks": {"bench": {"static_ips": [address(number)], "interface_name": "eth0"}},
        "network_info": {"bench": {
            "name": "bench",
            "id": format!("{:064x}", 1),
            "driver": "bridge",
            "network_interface": "bench0",
            "created": "2026-01-01T00:00:00Z",
            "subnets": [{"subnet": SUBNET, "gateway": GATEWAY}],
            "ipv6_enabled": false,
            "internal": false,
            "dns_enabled": false,
            "ipam_options": {"driver": "host-local"},
        }},
    })
    .to_string()
}
