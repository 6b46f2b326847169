//! `tuning`: system variables, and settings of an interface.

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};

use rnet_model::MacAddress;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cni::error::{CniError, Code};
use crate::cni::namespace::{LinkSettings, set_link, within};
use crate::cni::plugin::{Call, Plugin};
use crate::netd::CallError;
use crate::sandboxes::Sandboxes;

/// Sets them in the container's namespace. They go with the interface, so there is nothing to undo.
pub(in crate::cni) struct Tuning;

/// Its keys (plugins/meta/tuning).
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Keys {
    /// By name, with dots or slashes; `IFNAME` stands for the interface.
    sysctl: BTreeMap<String, String>,
    mac: Option<String>,
    mtu: Option<u32>,
    #[serde(rename = "txQLen")]
    tx_q_len: Option<u32>,
    promisc: bool,
    allmulti: Option<bool>,
    /// Nothing is kept.
    #[serde(rename = "dataDir")]
    _data_dir: Option<PathBuf>,
}

impl Plugin for Tuning {
    fn add(&self, call: &Call) -> Result<Value, CniError> {
        let (sysctls, settings) = read(call)?;
        let result = call.passed_on()?;
        remember(call, &settings)?;
        let ifname = call.attachment.ifname.as_str();
        let tune = || {
            for (path, value) in &sysctls {
                let told = |error: io::Error| {
                    io::Error::new(error.kind(), format!("{}={value}: {error}", path.display()))
                };
                std::fs::write(path, value).map_err(told)?;
            }
            match settings == LinkSettings::default() {
                true => Ok(()),
                false => set_link(ifname, &settings),
            }
        };
        within(namespace(call), tune).map_err(|error| {
            CniError::new(Code::Failed, format!("cannot tune {ifname}: {error}"))
        })?;
        Ok(told(result, ifname, &settings))
    }

    fn check(&self, call: &Call) -> Result<(), CniError> {
        let (sysctls, settings) = read(call)?;
        let ifname = call.attachment.ifname.as_str();
        let changed = |what: String| CniError::new(Code::Changed, what);
        let look = || {
            let mut others = Vec::new();
            for (path, value) in &sysctls {
                let found = std::fs::read_to_string(path)?;
                if found.split_whitespace().ne(value.split_whitespace()) {
                    others.push(format!("{} is {:?}", path.display(), found.trim_end()));
                }
            }
            let mac = nix::ifaddrs::getifaddrs()?
                .filter(|it| it.interface_name == ifname)
                .find_map(|it| it.address.as_ref()?.as_link_addr()?.addr());
            if settings.mac.is_some() && settings.mac.map(MacAddress::octets) != mac {
                others.push(format!("{ifname} has another hardware address"));
            }
            Ok(others)
        };
        match within(namespace(call), look) {
            Ok(others) if others.is_empty() => Ok(()),
            Ok(others) => Err(changed(others.join(", "))),
            Err(error) => Err(changed(format!("cannot look at {ifname}: {error}"))),
        }
    }

    /// It needs no `netd`.
    fn status(&self, _sandboxes: &Sandboxes) -> Result<(), CniError> {
        Ok(())
    }
}

type Sysctls = Vec<(PathBuf, String)>;

/// What is asked for, all of it read before any of it is set.
fn read(call: &Call) -> Result<(Sysctls, LinkSettings), CniError> {
    let keys: Keys = call.config.own_keys()?;
    let invalid = |message: String| CniError::new(Code::InvalidConfig, message);
    let asked = call.config.mac(&call.attachment.arguments);
    let mac = asked.or(keys.mac.as_ref()).filter(|it| !it.is_empty());
    let mac = mac.map(|it| it.parse::<MacAddress>()).transpose();
    let settings = LinkSettings {
        mac: mac.map_err(|error| invalid(error.to_string()))?,
        mtu: keys.mtu.filter(|it| *it != 0),
        queue: keys.tx_q_len,
        promiscuous: keys.promisc.then_some(true),
        all_multicast: keys.allmulti,
        up: None,
    };
    let ifname = call.attachment.ifname.as_str();
    let sysctls = keys.sysctl.into_iter().map(|(name, value)| {
        let path = sysctl_path(&name, ifname);
        let path = path.ok_or_else(|| invalid(not_the_network_s(&name)))?;
        Ok::<_, CniError>((path, value))
    });
    Ok((sysctls.collect::<Result<_, _>>()?, settings))
}

fn not_the_network_s(name: &str) -> String {
    format!("sysctl {name:?} is not the network namespace's own: net.… is expected")
}

/// The file of a variable of the network's (sysctl(8): the first separator decides).
fn sysctl_path(name: &str, ifname: &str) -> Option<PathBuf> {
    let slashed = match name.find(['.', '/']) {
        Some(first) if name.as_bytes()[first] == b'/' => name.to_owned(),
        _ => name
            .chars()
            .map(|it| match it {
                '.' => '/',
                '/' => '.',
                other => other,
            })
            .collect(),
    };
    let parts: Vec<_> = slashed.split('/').collect();
    let parts = parts
        .iter()
        .map(|it| if *it == "IFNAME" { ifname } else { *it });
    let path: PathBuf = parts.collect();
    let is_plain = path
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    (is_plain && !slashed.starts_with('/') && path.starts_with("net"))
        .then(|| Path::new("/proc/sys").join(path))
}

/// Lets `netd` know what an interface of its own is given, so that it does not set that back.
fn remember(call: &Call, settings: &LinkSettings) -> Result<(), CniError> {
    if settings.mac.is_none() && settings.mtu.is_none() {
        return Ok(());
    }
    let change = json!({"Interface": {
        "Name": call.attachment.ifname.as_str(),
        "MacAddress": settings.mac,
        "Mtu": settings.mtu,
    }});
    match call.sandboxes.update(&call.attachment.container, &change) {
        // it is another plugin's
        Err(CallError::Refused { status: 404, .. }) => Ok(()),
        answer => Ok(answer.map(drop)?),
    }
}

/// The result, with what was changed of it.
fn told(mut result: Value, ifname: &str, settings: &LinkSettings) -> Value {
    let interfaces = result["interfaces"].as_array_mut().into_iter().flatten();
    let inside = |it: &&mut Value| it["name"] == ifname && it["sandbox"].as_str() != Some("");
    for interface in interfaces.filter(inside) {
        if let Some(mac) = settings.mac {
            interface["mac"] = mac.to_string().into();
        }
        if let Some(mtu) = settings.mtu.filter(|_| interface["mtu"].is_number()) {
            interface["mtu"] = mtu.into();
        }
    }
    result
}

fn namespace(call: &Call) -> &Path {
    let namespace = call.attachment.namespace.as_deref();
    namespace.unwrap_or(Path::new(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_the_network_s_or_none() {
        let path = |name: &str| sysctl_path(name, "eth0").map(|it| it.display().to_string());
        for (name, wanted) in [
            (
                "net.ipv4.conf.IFNAME.arp_filter",
                Some("/proc/sys/net/ipv4/conf/eth0/arp_filter"),
            ),
            (
                "net/ipv4/conf/eth0.5/arp_filter",
                Some("/proc/sys/net/ipv4/conf/eth0.5/arp_filter"),
            ),
            (
                "net.ipv4.conf.eth0/5.arp_filter",
                Some("/proc/sys/net/ipv4/conf/eth0.5/arp_filter"),
            ),
            ("kernel.shmmax", None),
            ("net/../kernel/shmmax", None),
            ("/net/core/somaxconn", None),
            ("network", None),
        ] {
            assert_eq!(path(name).as_deref(), wanted, "{name}");
        }
    }
}
