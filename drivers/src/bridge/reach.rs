//! The options that say what reaches a bridge network, and as whom it leaves: the firewall's share of them.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rnet_model::{FamilyPolicy, IfName, Inbound, Network, NetworkPolicy, SourceNat};

use super::value::{boolean, invalid, parse};
use crate::DriverError;

const MASQUERADE: &str = "com.docker.network.bridge.enable_ip_masquerade";
const MODE4: &str = "com.docker.network.bridge.gateway_mode_ipv4";
const MODE6: &str = "com.docker.network.bridge.gateway_mode_ipv6";
const TRUSTED: &str = "com.docker.network.bridge.trusted_host_interfaces";
const SOURCE4: &str = "com.docker.network.host_ipv4";
const SOURCE6: &str = "com.docker.network.host_ipv6";

/// What was asked of it, defaults filled in.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Reach {
    masquerade: bool,
    trusted: BTreeSet<IfName>,
    ipv4: Family,
    ipv6: Family,
}

/// What was asked for one family.
#[derive(PartialEq, Eq, Debug, Default)]
struct Family {
    mode: Mode,
    /// The address of the host that leaving packets take, if it was chosen.
    source: Option<IpAddr>,
}

/// libnetwork's gateway modes (drivers/bridge/bridge_linux.go, `gwMode`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Mode {
    #[default]
    Nat,
    NatUnprotected,
    Routed,
    /// The bridge has no address.
    Isolated,
}

impl Default for Reach {
    fn default() -> Self {
        Self {
            masquerade: true,
            trusted: BTreeSet::new(),
            ipv4: Family::default(),
            ipv6: Family::default(),
        }
    }
}

impl Reach {
    /// Takes an option; false if it is none of these.
    pub(super) fn set(&mut self, label: &str, value: &str) -> Result<bool, DriverError> {
        match label {
            MASQUERADE => self.masquerade = boolean(label, value)?,
            MODE4 => self.ipv4.mode = mode(label, value)?,
            MODE6 => self.ipv6.mode = mode(label, value)?,
            TRUSTED => self.trusted = interfaces(label, value)?,
            SOURCE4 if value.is_empty() => self.ipv4.source = None,
            SOURCE6 if value.is_empty() => self.ipv6.source = None,
            SOURCE4 => {
                let address: Ipv4Addr = parse(label, value, "an IPv4 address of this host")?;
                self.ipv4.source = Some(address.into());
            }
            SOURCE6 => {
                let address: Ipv6Addr = parse(label, value, "an IPv6 address of this host")?;
                self.ipv6.source = Some(address.into());
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Refuses what makes no sense together.
    pub(super) fn check(&self, network: &Network) -> Result<(), DriverError> {
        let isolated = [&self.ipv4, &self.ipv6].map(|family| family.mode == Mode::Isolated);
        if isolated.contains(&true) && !network.internal {
            return Err(DriverError::IsolatedButNotInternal {
                network: network.name.clone(),
            });
        }
        Ok(())
    }

    /// Whether the host has no address on the bridge in this family.
    pub(super) fn is_isolated(&self, v4: bool) -> bool {
        let family = if v4 { &self.ipv4 } else { &self.ipv6 };
        family.mode == Mode::Isolated
    }

    /// What all this means for the network behind a bridge.
    pub(super) fn policy(self, network: &Network, bridge: IfName, icc: bool) -> NetworkPolicy {
        let translates = self.masquerade && !network.internal;
        NetworkPolicy {
            icc,
            internal: network.internal,
            ipv4: self.ipv4.policy(translates),
            ipv6: self.ipv6.policy(translates),
            trusted: self.trusted,
            ..NetworkPolicy::of_bridge(bridge)
        }
    }
}

impl Family {
    fn policy(&self, translates: bool) -> FamilyPolicy {
        let source = match self.source {
            _ if !translates || self.mode == Mode::Routed => SourceNat::Keep,
            Some(address) => SourceNat::Address(address),
            None => SourceNat::Masquerade,
        };
        let inbound = match self.mode {
            Mode::Nat | Mode::Isolated => Inbound::Translated,
            Mode::NatUnprotected => Inbound::Everything,
            Mode::Routed => Inbound::Opened,
        };
        FamilyPolicy { source, inbound }
    }
}

fn mode(label: &str, value: &str) -> Result<Mode, DriverError> {
    match value {
        "" | "nat" => Ok(Mode::Nat),
        "nat-unprotected" => Ok(Mode::NatUnprotected),
        "routed" => Ok(Mode::Routed),
        "isolated" => Ok(Mode::Isolated),
        _ => Err(invalid(
            label,
            value,
            "nat, nat-unprotected, routed or isolated",
        )),
    }
}

/// Names with colons between them, which no name has in it.
fn interfaces(label: &str, value: &str) -> Result<BTreeSet<IfName>, DriverError> {
    let expected = "names of interfaces of this host, with colons between them";
    let names = value.split(':').filter(|name| !name.is_empty());
    names.map(|name| parse(label, name, expected)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Driver;
    use crate::bridge::Bridge;
    use crate::bridge::tests::{V4, V6, network};

    fn policy(options: &[(&str, &str)], internal: bool) -> Result<NetworkPolicy, DriverError> {
        let mut network = network(options, &[V4, V6]);
        network.internal = internal;
        Bridge.firewall(&network).map(|policy| policy.unwrap())
    }

    #[test]
    fn a_gateway_mode_says_what_gets_in_and_as_whom_it_leaves() {
        use {Inbound::*, SourceNat::*};
        for (mode, source, inbound) in [
            ("nat", Masquerade, Translated),
            ("nat-unprotected", Masquerade, Everything),
            ("routed", Keep, Opened),
        ] {
            let asked = policy(&[(MODE6, mode)], false).unwrap();
            assert_eq!(asked.ipv6, FamilyPolicy { source, inbound }, "{mode}");
            assert_eq!(asked.ipv4, FamilyPolicy::default(), "{mode}");
        }
    }

    #[test]
    fn an_address_to_leave_as_holds_where_the_network_is_translated_at_all() {
        let address = SourceNat::Address("192.0.2.7".parse().unwrap());
        let source = |more: &[(&str, &str)], internal| {
            let options = [&[(SOURCE4, "192.0.2.7")], more].concat();
            policy(&options, internal).unwrap().ipv4.source
        };
        assert_eq!(source(&[], false), address);
        assert_eq!(source(&[(MODE4, "nat-unprotected")], false), address);
        assert_eq!(source(&[(MODE4, "routed")], false), SourceNat::Keep);
        assert_eq!(source(&[(MASQUERADE, "false")], false), SourceNat::Keep);
        assert_eq!(source(&[], true), SourceNat::Keep);
    }

    #[test]
    fn an_isolated_network_is_an_internal_one_whose_bridge_has_no_address() {
        let error = policy(&[(MODE4, "isolated")], false).unwrap_err();
        assert_eq!(
            error.to_string(),
            "gateway mode 'isolated' can only be used for an internal network: create my-bridge with --internal"
        );
        let mut network = network(&[(MODE4, "isolated"), (MODE6, "isolated")], &[V4, V6]);
        network.internal = true;
        let facts = rnet_model::HostFacts {
            ipv6: true,
            ..Default::default()
        };
        let resources = Bridge.network_resources(&network, &facts).unwrap();
        let text: String = resources.iter().map(|it| format!("{it}\n")).collect();
        assert!(!text.contains("address add"), "{text}");
        assert!(text.contains("disable_ipv6=1"), "{text}");
    }

    #[test]
    fn trusted_interfaces_have_colons_between_them() {
        let trusted = |value: &str| policy(&[(TRUSTED, value)], false).map(|it| it.trusted);
        let names: Vec<String> = trusted("eth1:vpn0")
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(names, ["eth1", "vpn0"]);
        assert_eq!(trusted("").unwrap().len(), 0);
        assert!(trusted("eth1:a/b").is_err());
        assert!(policy(&[(SOURCE4, "fd00::1")], false).is_err());
        assert!(policy(&[(MODE4, "bridged")], false).is_err());
    }
}
