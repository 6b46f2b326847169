//! The configuration of one plugin in a chain, and what the runtime puts into it (CNI specification 1.1.0, sections 1
//! and 2; CONVENTIONS.md for the capabilities).

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;

use super::VERSIONS;
use super::error::{CniError, Code};
use super::invocation::Command;
use crate::netd::SOCKET;

/// What comes on the standard input; keys that are not known are other plugins' business.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Config {
    #[serde(default)]
    pub(super) cni_version: String,
    /// The network's name, to the runtime; to rnet as well, unless `network` gives another.
    #[serde(default)]
    pub(super) name: String,
    #[serde(default = "socket")]
    pub(super) socket: PathBuf,
    /// A network of rnet's that exists.
    pub(super) network: Option<String>,
    /// What a network that does not exist yet is to be.
    #[serde(flatten)]
    pub(super) wanted: WantedNetwork,
    #[serde(default)]
    pub(super) dns: Dns,
    #[serde(default)]
    pub(super) runtime_config: RuntimeConfig,
    #[serde(default)]
    pub(super) args: Args,
    pub(super) prev_result: Option<Value>,
    /// `GC`: what is still in use.
    #[serde(rename = "cni.dev/valid-attachments")]
    pub(super) valid_attachments: Option<Vec<ValidAttachment>>,
}

/// The network that is made on first use.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct WantedNetwork {
    pub(super) driver: Option<String>,
    pub(super) subnets: Vec<Subnet>,
    pub(super) ipv6: bool,
    pub(super) internal: bool,
    pub(super) options: BTreeMap<String, String>,
    pub(super) labels: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Subnet {
    pub(super) subnet: String,
    pub(super) gateway: Option<String>,
    pub(super) ip_range: Option<String>,
}

/// What a container's resolv.conf is to say.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Dns {
    /// `servers` in a runtime's capability, `nameservers` in a configuration.
    #[serde(alias = "nameservers")]
    pub(super) servers: Vec<String>,
    #[serde(alias = "search")]
    pub(super) searches: Vec<String>,
    pub(super) options: Vec<String>,
}

/// The capabilities, as far as the configuration declares them.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RuntimeConfig {
    pub(super) port_mappings: Vec<PortMapping>,
    pub(super) dns: Option<Dns>,
    pub(super) ips: Vec<String>,
    pub(super) mac: Option<String>,
    pub(super) aliases: Vec<String>,
    pub(super) bandwidth: Option<BTreeMap<String, u64>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PortMapping {
    /// 0 where the port is not published.
    #[serde(default)]
    pub(super) host_port: u16,
    pub(super) container_port: u16,
    #[serde(default)]
    pub(super) protocol: String,
    #[serde(default, rename = "hostIP")]
    pub(super) host_ip: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Args {
    pub(super) cni: CniArgs,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct CniArgs {
    pub(super) ips: Vec<String>,
}

#[derive(Deserialize, PartialEq, Eq, Debug)]
pub(super) struct ValidAttachment {
    #[serde(rename = "containerID")]
    pub(super) container: String,
    pub(super) ifname: String,
}

impl Config {
    pub(super) fn read(mut input: impl Read) -> Result<Self, CniError> {
        let mut text = String::new();
        let read = input.read_to_string(&mut text);
        read.map_err(|error| decode(&error.to_string()))?;
        serde_json::from_str(&text).map_err(|error| decode(&error.to_string()))
    }

    /// Refuses a version that is not spoken, and commands that are younger than the version.
    pub(super) fn check_version(&self, command: Command) -> Result<(), CniError> {
        let asked = &self.cni_version;
        let position = |wanted: &str| VERSIONS.iter().position(|version| *version == wanted);
        let oldest = match command {
            Command::Check => "0.4.0",
            Command::Gc | Command::Status => "1.1.0",
            _ => VERSIONS[0],
        };
        if position(asked) >= position(oldest) {
            return Ok(());
        }
        let spoken = VERSIONS.join(", ");
        Err(CniError::new(
            Code::IncompatibleVersion,
            format!(
                "cniVersion {asked:?} is not supported for this command: it takes {oldest} at least, of {spoken}"
            ),
        ))
    }

    /// The network of rnet's that is meant.
    pub(super) fn network_name(&self) -> &str {
        self.network.as_deref().unwrap_or(&self.name)
    }
}

fn socket() -> PathBuf {
    SOCKET.into()
}

fn decode(error: &str) -> CniError {
    CniError::new(
        Code::Decode,
        format!("cannot understand the network configuration: {error}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        Config::read(text.as_bytes()).unwrap()
    }

    #[test]
    fn what_runtimes_write_is_read() {
        let config = config(
            r#"{"cniVersion":"1.0.0","name":"pods","type":"rnet","subnets":[{"subnet":"10.9.0.0/16"}],
                "ipam":{},"runtimeConfig":{"portMappings":[{"hostPort":8080,"containerPort":80,"protocol":"tcp"}],
                "dns":{"servers":["1.1.1.1"],"searches":["a"]},"cgroupPath":"/x"},
                "cni.dev/valid-attachments":[{"containerID":"c","ifname":"eth0"}]}"#,
        );
        assert_eq!(config.network_name(), "pods");
        assert_eq!(config.socket, PathBuf::from(SOCKET));
        assert_eq!(config.wanted.subnets[0].subnet, "10.9.0.0/16");
        let runtime = &config.runtime_config;
        assert_eq!(runtime.port_mappings[0].host_port, 8080);
        assert_eq!(runtime.dns.as_ref().unwrap().servers, ["1.1.1.1"]);
        assert_eq!(config.valid_attachments.unwrap()[0].ifname, "eth0");
    }

    #[test]
    fn commands_are_refused_in_versions_that_do_not_have_them() {
        let speaks = |version: &str, command| {
            config(&format!(r#"{{"cniVersion":"{version}"}}"#))
                .check_version(command)
                .is_ok()
        };
        assert!(speaks("0.3.1", Command::Add) && speaks("1.1.0", Command::Gc));
        assert!(!speaks("0.3.1", Command::Check) && !speaks("1.0.0", Command::Status));
        assert!(!speaks("0.2.0", Command::Add) && !speaks("2.0.0", Command::Del));
    }

    #[test]
    fn what_is_no_configuration_is_told_so() {
        let error = Config::read(&b"{"[..]).err().unwrap().document("1.1.0");
        assert_eq!(error["code"], 6);
    }
}
