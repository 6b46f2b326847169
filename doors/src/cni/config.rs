//! The configuration of one plugin in a chain, and what the runtime puts into it (CNI specification 1.1.0, sections 1
//! and 2; CONVENTIONS.md for the capabilities).

use std::collections::BTreeMap;
use std::io::Read;
use std::net::IpAddr;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::VERSIONS;
use super::error::{CniError, Code};
use super::invocation::Command;
use crate::netd::SOCKET;

/// The keys that are of every plugin, or the runtime's.
const COMMON: [&str; 11] = [
    "cniVersion",
    "cniVersions",
    "name",
    "type",
    "socket",
    "dns",
    "args",
    "capabilities",
    "runtimeConfig",
    "prevResult",
    "disableCheck",
];

/// What comes on the standard input, as far as it is the same for every plugin.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Config {
    #[serde(default)]
    pub(super) cni_version: String,
    /// The network's name, to the runtime; to rnet as well, unless the plugin `rnet` is given another.
    #[serde(default)]
    pub(super) name: String,
    #[serde(default = "socket")]
    pub(super) socket: PathBuf,
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
    /// All of it.
    #[serde(skip)]
    keys: Map<String, Value>,
}

/// A subnet, as the plugin `rnet` is told of it.
#[derive(Deserialize, Clone, PartialEq, Eq, Debug, Default)]
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
    pub(super) aliases: Aliases,
    pub(super) bandwidth: Option<Bandwidth>,
    pub(super) ip_ranges: Vec<Vec<Range>>,
}

/// Names of a container on the network, or on each of several.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Aliases {
    Here(Vec<String>),
    OfEach(BTreeMap<String, Vec<String>>),
}

impl Default for Aliases {
    fn default() -> Self {
        Self::Here(Vec::new())
    }
}

/// How fast a container may receive (ingress) and send (egress); 0 is without limit.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Bandwidth {
    /// In bits a second.
    pub(super) ingress_rate: u64,
    /// In bits.
    pub(super) ingress_burst: u64,
    /// In bits a second.
    pub(super) egress_rate: u64,
    /// In bits.
    pub(super) egress_burst: u64,
}

impl Bandwidth {
    /// The same as rnet's options of an endpoint; an empty one is none.
    pub(super) fn options(self) -> BTreeMap<String, String> {
        let bits = [
            self.ingress_rate,
            self.ingress_burst,
            self.egress_rate,
            self.egress_burst,
        ];
        let text = |bits: u64| match bits {
            0 => String::new(),
            bits => bits.to_string(),
        };
        let options = rnet_model::Bandwidth::OPTIONS.into_iter().zip(bits);
        options
            .map(|(option, bits)| (option.to_owned(), text(bits)))
            .collect()
    }
}

/// A range of addresses to lease from, as `host-local` has it.
#[derive(Deserialize, Clone, Default)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct Range {
    pub(super) subnet: String,
    pub(super) range_start: Option<IpAddr>,
    pub(super) range_end: Option<IpAddr>,
    pub(super) gateway: Option<IpAddr>,
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
    pub(super) mac: Option<String>,
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
        let read = || {
            let keys: Map<String, Value> = serde_json::from_str(&text)?;
            let config: Self = serde_json::from_str(&text)?;
            Ok::<_, serde_json::Error>(Self { keys, ..config })
        };
        read().map_err(|error| decode(&error.to_string()))
    }

    /// Some of its keys, whosever they are.
    pub(super) fn keys<T: DeserializeOwned>(&self) -> Result<T, CniError> {
        read_keys(self.keys.clone())
    }

    /// The keys that are the plugin's own.
    ///
    /// One that is not known is refused: whoever wrote it means something by it.
    pub(super) fn own_keys<T: DeserializeOwned>(&self) -> Result<T, CniError> {
        let mut own = self.keys.clone();
        own.retain(|key, _| !COMMON.contains(&key.as_str()) && !key.starts_with("cni.dev/"));
        read_keys(own)
    }

    /// The names that the container is to have on this network.
    pub(super) fn aliases(&self) -> &[String] {
        match &self.runtime_config.aliases {
            Aliases::Here(names) => names,
            Aliases::OfEach(names) => names.get(&self.name).map_or(&[], Vec::as_slice),
        }
    }

    /// The hardware address that is asked for, in whichever of the three ways (CONVENTIONS.md).
    pub(super) fn mac<'a>(&'a self, arguments: &'a BTreeMap<String, String>) -> Option<&'a String> {
        let asked = self.runtime_config.mac.as_ref();
        asked
            .or(self.args.cni.mac.as_ref())
            .or(arguments.get("MAC"))
            .filter(|it| !it.is_empty())
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
}

fn socket() -> PathBuf {
    SOCKET.into()
}

fn read_keys<T: DeserializeOwned>(keys: Map<String, Value>) -> Result<T, CniError> {
    serde_json::from_value(keys.into()).map_err(|error| {
        let message = error.to_string();
        let code = match message.starts_with("unknown field") {
            true => Code::UnsupportedField,
            false => Code::InvalidConfig,
        };
        CniError::new(code, format!("network configuration: {message}"))
    })
}

fn decode(error: &str) -> CniError {
    CniError::new(
        Code::Decode,
        format!("cannot understand the network configuration: {error}"),
    )
}

#[cfg(test)]
mod tests;
