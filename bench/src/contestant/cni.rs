//! The CNI project's own plugins, in the chain that podman and nerdctl configure: bridge, portmap, firewall.
//!
//! What libcni does is done here: the environment and the result so far are handed on (CNI specification 1.0.0,
//! section 2, "Execution Protocol").

use std::path::PathBuf;

use anyhow::Result;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Contestant, SUBNET, host_port};
use crate::peer::Program;
use crate::world::{self, World};

const VERSION: &str = "1.0.0";
const DIRECTORY: &str = "/usr/lib/cni";
const PACKAGE: &str = "containernetworking-plugins";

/// The chain of plugins.
pub(crate) struct Cni {
    world: World,
    chain: [Program; 3],
    root: TempDir,
}

impl Cni {
    pub(crate) fn new() -> Result<Self> {
        Program::within(DIRECTORY, "host-local", PACKAGE)?;
        // the plugins run it, and say little if they cannot
        Program::named("iptables", "iptables")?;
        Ok(Self {
            world: World::new()?,
            chain: [
                Program::within(DIRECTORY, "bridge", PACKAGE)?,
                Program::within(DIRECTORY, "portmap", PACKAGE)?,
                Program::within(DIRECTORY, "firewall", PACKAGE)?,
            ],
            root: TempDir::new_in("/run")?,
        })
    }

    fn pin(&self, number: u16) -> PathBuf {
        self.root.path().join(format!("netns-{number}"))
    }

    /// Where the result of an ADD is kept for its DEL.
    fn result(&self, number: u16) -> PathBuf {
        self.root.path().join(format!("result-{number}"))
    }

    fn run(&self, plugin: &Program, command: &str, number: u16, config: &Value) -> Result<String> {
        plugin
            .with("CNI_COMMAND", command)
            .with("CNI_CONTAINERID", format!("c{number}"))
            .with("CNI_NETNS", self.pin(number).display().to_string())
            .with("CNI_IFNAME", "eth0")
            .with("CNI_PATH", DIRECTORY)
            .run::<&str>(&[], &config.to_string())
    }

    /// The configurations of the chain, in its order.
    fn configs(&self, number: u16, ports: u16) -> [Value; 3] {
        let first = host_port(number);
        let port = |port| json!({"hostPort": port, "containerPort": 80, "protocol": "tcp"});
        let ports: Vec<_> = (first..first + ports).map(port).collect();
        let common = |own: Value| {
            let mut config = json!({"cniVersion": VERSION, "name": "bench"});
            if let (Some(config), Value::Object(own)) = (config.as_object_mut(), own) {
                config.extend(own);
            }
            config
        };
        [
            common(json!({
                "type": "bridge", "bridge": "bench0", "isGateway": true, "ipMasq": true, "hairpinMode": true,
                "ipam": {
                    "type": "host-local", "dataDir": self.root.path().join("leases"),
                    "ranges": [[{"subnet": SUBNET}]], "routes": [{"dst": "0.0.0.0/0"}],
                },
            })),
            common(json!({"type": "portmap", "runtimeConfig": {"portMappings": ports}})),
            common(json!({"type": "firewall", "backend": "iptables"})),
        ]
    }
}

impl Contestant for Cni {
    fn name(&self) -> String {
        "CNI bridge+portmap+firewall".to_owned()
    }

    fn attach(&self, number: u16, ports: u16) -> Result<()> {
        self.world.enter()?;
        world::pin(&self.pin(number))?;
        let mut result = Value::Null;
        for (plugin, mut config) in self.chain.iter().zip(self.configs(number, ports)) {
            if !result.is_null() {
                config["prevResult"] = result;
            }
            result = serde_json::from_str(&self.run(plugin, "ADD", number, &config)?)?;
        }
        std::fs::write(self.result(number), result.to_string())?;
        Ok(())
    }

    fn detach(&self, number: u16) -> Result<()> {
        self.world.enter()?;
        let result: Value = serde_json::from_slice(&std::fs::read(self.result(number))?)?;
        for (plugin, mut config) in self.chain.iter().zip(self.configs(number, 1)).rev() {
            config["prevResult"] = result.clone();
            self.run(plugin, "DEL", number, &config)?;
        }
        std::fs::remove_file(self.result(number))?;
        world::unpin(&self.pin(number))
    }

    fn objects(&self) -> Result<usize> {
        Ok(self.world.links()? + world::pinned(self.root.path())?)
    }
}
