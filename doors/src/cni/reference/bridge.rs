//! `bridge`: its keys, and those of `host-local`, as a network of rnet's.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::ipam::Ipam;
use super::unsupported;
use crate::cni::config::Config;
use crate::cni::error::CniError;
use crate::cni::network::Wanted;

/// Its keys (plugins/main/bridge).
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Keys {
    bridge: Option<String>,
    is_gateway: bool,
    is_default_gateway: bool,
    ip_masq: bool,
    /// How rules are written is `netd`'s matter (`--firewall`).
    #[serde(rename = "ipMasqBackend")]
    _ip_masq_backend: Option<String>,
    mtu: u32,
    port_isolation: bool,
    /// A bridge of rnet's has its own addresses in any case, and a container reaches itself by its published ports.
    #[serde(rename = "forceAddress")]
    _force_address: bool,
    #[serde(rename = "hairpinMode")]
    _hairpin_mode: bool,
    promisc_mode: bool,
    vlan: u16,
    preserve_default_vlan: Option<bool>,
    vlan_trunk: Vec<Value>,
    macspoofchk: bool,
    disable_container_interface: bool,
    #[serde(rename = "enabledad")]
    enable_dad: bool,
    ipam: Ipam,
}

/// The network as the keys of `bridge` describe it.
pub(in crate::cni) fn wanted(config: &Config) -> Result<Wanted, CniError> {
    let keys: Keys = config.own_keys()?;
    keys.check()?;
    let leads_out = keys.is_default_gateway || keys.ipam.leads_out();
    let subnets = keys.ipam.subnets()?;
    let is_gateway = keys.is_gateway || keys.is_default_gateway;
    if leads_out && !is_gateway && subnets.iter().any(|it| it.subnet.contains(':')) {
        let instead = "the gateway of an IPv6 subnet is the bridge: set it";
        return Err(unsupported("isGateway", instead));
    }
    let bridge = keys.bridge.clone().unwrap_or_else(|| "cni0".to_owned());
    let text = |key: &str, value: &str| (format!("com.docker.network.{key}"), value.to_owned());
    let mut options = BTreeMap::from([text("bridge.name", &bridge)]);
    options.extend((!keys.ip_masq).then(|| text("bridge.enable_ip_masquerade", "false")));
    options.extend((keys.mtu != 0).then(|| text("driver.mtu", &keys.mtu.to_string())));
    options.extend(
        keys.port_isolation
            .then(|| text("bridge.enable_icc", "false")),
    );
    options.extend((leads_out && !is_gateway).then(|| text("bridge.inhibit_ipv4", "true")));
    Ok(Wanted {
        subnets,
        internal: !leads_out,
        options,
        // `portmap` binds none of the host's ports, so podman can
        holds_ports: true,
        dns: keys.ipam.dns()?,
        ..Wanted::default()
    })
}

impl Keys {
    fn check(&self) -> Result<(), CniError> {
        let vlans = "each network of rnet's has a bridge of its own";
        for (is_asked, key, instead) in [
            (self.vlan != 0, "vlan", vlans),
            (
                self.preserve_default_vlan == Some(false),
                "preserveDefaultVlan",
                vlans,
            ),
            (!self.vlan_trunk.is_empty(), "vlanTrunk", vlans),
            (
                self.promisc_mode,
                "promiscMode",
                "a container reaches itself without it",
            ),
            (
                self.macspoofchk,
                "macspoofchk",
                "drop NET_RAW from the container, so that it can send from no other address",
            ),
            (
                self.disable_container_interface,
                "disableContainerInterface",
                "an interface is up, with its addresses",
            ),
            (
                self.enable_dad,
                "enabledad",
                "addresses are handed out once, so none needs to be looked for",
            ),
        ] {
            if is_asked {
                return Err(unsupported(key, instead));
            }
        }
        self.ipam.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(more: &str) -> Result<Wanted, Value> {
        let text = format!(r#"{{"cniVersion":"1.0.0","name":"n","type":"bridge",{more}}}"#);
        let wanted = wanted(&Config::read(text.as_bytes()).unwrap());
        wanted.map_err(|error| error.document("1.0.0"))
    }

    #[test]
    fn what_podman_and_nerdctl_write_is_a_network() {
        let wanted = of(
            r#""bridge":"nerdctl0","isGateway":true,"ipMasq":true,"hairpinMode":true,"ipam":{
                "type":"host-local","routes":[{"dst":"0.0.0.0/0"}],
                "ranges":[[{"subnet":"10.4.0.0/24","gateway":"10.4.0.1"}],[{"subnet":"fd04::/64"}]]}"#,
        );
        let wanted = wanted.ok().unwrap();
        assert_eq!(wanted.options["com.docker.network.bridge.name"], "nerdctl0");
        assert_eq!(wanted.options.len(), 1);
        assert_eq!(wanted.subnets[0].gateway.as_deref(), Some("10.4.0.1"));
        assert_eq!(wanted.subnets[1].subnet, "fd04::/64");
        assert!(!wanted.internal && wanted.holds_ports);
    }

    #[test]
    fn what_is_not_said_is_as_with_the_reference() {
        let wanted = of(r#""mtu":1400,"ipam":{"type":"host-local","subnet":"10.4.0.0/24"}"#);
        let wanted = wanted.ok().unwrap();
        assert_eq!(wanted.options["com.docker.network.bridge.name"], "cni0");
        assert_eq!(
            wanted.options["com.docker.network.bridge.enable_ip_masquerade"],
            "false"
        );
        assert_eq!(wanted.options["com.docker.network.driver.mtu"], "1400");
        assert!(wanted.internal, "it has no route that leads out");
    }

    #[test]
    fn what_is_not_done_is_refused_by_its_key() {
        let ipam = r#""ipam":{"type":"host-local","subnet":"10.4.0.0/24""#;
        for (more, key) in [
            (format!(r#""vlan":5,{ipam}}}"#), "\"vlan\""),
            (format!(r#""macspoofchk":true,{ipam}}}"#), "\"macspoofchk\""),
            (format!(r#""colour":"red",{ipam}}}"#), "`colour`"),
            (
                format!(r#"{ipam},"routes":[{{"dst":"10.0.0.0/8"}}]}}"#),
                "\"routes\"",
            ),
            (r#""ipam":{"type":"dhcp"}"#.to_owned(), "\"ipam\""),
        ] {
            let error = of(&more).err().unwrap();
            assert_eq!(error["code"], 2);
            assert!(error["msg"].as_str().unwrap().contains(key), "{error}");
        }
    }
}
