//! The predefined network `bridge`, and what every network gets, from flags and file.

use std::collections::BTreeMap;

use anyhow::{Result, bail, ensure};
use rnet_model::{Cidr, IfName};

use super::Options;
use crate::daemon::{DefaultBridge, DefaultSubnet};

/// The network that flags, or else the file, ask for.
pub(super) fn settle(flags: &Options, file: &Options) -> Result<DefaultBridge> {
    let mut bridge = DefaultBridge::default();
    let name = flags.bridge.as_ref().or(file.bridge.as_ref());
    bridge.exists = name.is_none_or(|name| name != "none");
    let mut set = |label: &str, value: Option<String>| {
        let label = format!("com.docker.network.{label}");
        let value = value.map(|value| (label, value));
        bridge.request.options.extend(value);
    };
    if let Some(name) = name.filter(|name| *name != "none") {
        set("bridge.name", Some(name.parse::<IfName>()?.to_string()));
    }
    let text = |value: Option<bool>| value.map(|value| value.to_string());
    set(
        "driver.mtu",
        flags.mtu.or(file.mtu).map(|it| it.to_string()),
    );
    set("bridge.enable_icc", text(flags.icc.or(file.icc)));
    set(
        "bridge.enable_ip_masquerade",
        text(flags.ip_masq.or(file.ip_masq)),
    );
    let address = flags.ip.or(file.ip);
    set("bridge.host_binding_ipv4", address.map(|it| it.to_string()));
    bridge.request.enable_ipv6 = flags.ipv6.or(file.ipv6);
    let v4 = DefaultSubnet {
        bip: flags.bip.or(file.bip),
        fixed_cidr: flags.fixed_cidr.or(file.fixed_cidr),
        default_gateway: flags.default_gateway.or(file.default_gateway),
    };
    let v6 = DefaultSubnet {
        bip: flags.bip6.or(file.bip6),
        fixed_cidr: flags.fixed_cidr_v6.or(file.fixed_cidr_v6),
        default_gateway: flags.default_gateway_v6.or(file.default_gateway_v6),
    };
    check(&v4, true)?;
    check(&v6, false)?;
    let subnets = [v4, v6].into_iter().filter_map(DefaultSubnet::request);
    bridge.request.subnets = subnets.collect();
    Ok(bridge)
}

/// The file's, with those of the flags over them.
pub(super) fn network_options(
    flags: Vec<(String, String, String)>,
    mut file: BTreeMap<String, BTreeMap<String, String>>,
) -> BTreeMap<String, BTreeMap<String, String>> {
    for (driver, label, value) in flags {
        file.entry(driver).or_default().insert(label, value);
    }
    file
}

fn check(subnet: &DefaultSubnet, v4: bool) -> Result<()> {
    let (bip, fixed, gateway) = match v4 {
        true => ("bip", "fixed-cidr", "default-gateway"),
        false => ("bip6", "fixed-cidr-v6", "default-gateway-v6"),
    };
    let family = if v4 { "an IPv4" } else { "an IPv6" };
    let DefaultSubnet {
        bip: address,
        fixed_cidr,
        default_gateway,
    } = subnet;
    for (name, cidr) in [(bip, address), (fixed, fixed_cidr)] {
        let fits = cidr.as_ref().is_none_or(|it| it.is_ipv4() == v4);
        ensure!(fits, "{name} must be of {family} subnet");
    }
    if default_gateway.is_some_and(|it| it.is_ipv4() != v4) {
        bail!("{gateway} must be {family} address");
    }
    let is_host = |cidr: &Cidr| cidr.ip() != cidr.network() || cidr.prefix() >= 31;
    ensure!(
        address.as_ref().is_none_or(is_host),
        "{bip} must be an address of a host, with the prefix length of its subnet, such as 172.30.0.1/16"
    );
    ensure!(
        default_gateway.is_none() || address.or(*fixed_cidr).is_some(),
        "{gateway} needs {bip}, which tells the subnet it is in"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(text: &str) -> Options {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn the_bridge_is_as_configured() {
        let file = options(
            "bip = '172.30.0.1/16'\nfixed-cidr = '172.30.5.0/24'\ndefault-gateway = '172.30.0.254'\n\
             mtu = 1400\nicc = false\nip-masq = false\nip = '127.0.0.1'\nbridge = 'lan0'\n",
        );
        let bridge = settle(&Options::default(), &file).unwrap();
        let option =
            |name: &str| bridge.request.options[&format!("com.docker.network.{name}")].clone();
        assert_eq!(option("bridge.name"), "lan0");
        assert_eq!(option("driver.mtu"), "1400");
        assert_eq!(option("bridge.enable_icc"), "false");
        assert_eq!(option("bridge.enable_ip_masquerade"), "false");
        assert_eq!(option("bridge.host_binding_ipv4"), "127.0.0.1");
        let subnet = &bridge.request.subnets[0];
        assert_eq!(subnet.subnet, "172.30.0.0/16".parse().ok());
        assert_eq!(subnet.ip_range, "172.30.5.0/24".parse().ok());
        assert_eq!(subnet.gateway, "172.30.0.1".parse().ok());
        assert_eq!(
            subnet.auxiliary_addresses.get("DefaultGatewayIPv4"),
            "172.30.0.254".parse().ok().as_ref()
        );
        assert!(bridge.exists);
    }

    #[test]
    fn none_is_no_bridge_and_what_cannot_be_is_refused() {
        let refused = |text: &str| settle(&Options::default(), &options(text)).is_err();
        let none = settle(&Options::default(), &options("bridge = 'none'")).unwrap();
        assert!(!none.exists);
        for text in [
            "bip = 'fd00::1/64'",
            "bip6 = '10.0.0.1/8'",
            "bip = '172.30.0.0/16'",
            "default-gateway = '10.0.0.1'",
            "default-gateway-v6 = '10.0.0.1'",
            "bridge = 'sixteen-letters-'",
        ] {
            assert!(refused(text), "{text}");
        }
    }

    #[test]
    fn a_flag_sets_one_option_over_those_of_the_file() {
        let file = options("default-network-opts.bridge = { a = '1', b = '2' }");
        let flags = vec![("bridge".to_owned(), "b".to_owned(), "3".to_owned())];
        let options = network_options(flags, file.default_network_opts);
        assert_eq!(
            (
                options["bridge"]["a"].as_str(),
                options["bridge"]["b"].as_str()
            ),
            ("1", "3")
        );
    }
}
