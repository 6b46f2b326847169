//! The options of bridge networks and of their endpoints, typed (libnetwork: drivers/bridge/labels.go, netlabel).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use rnet_model::{Bandwidth, ENDPOINT_SYSCTLS, HostFacts, IfName, Mtu, Network};

use super::reach::Reach;
use super::value::{boolean, invalid, parse, within};
use crate::DriverError;

const NAME: &str = "com.docker.network.bridge.name";
const ICC: &str = "com.docker.network.bridge.enable_icc";
const DEFAULT_BRIDGE: &str = "com.docker.network.bridge.default_bridge";
const INHIBIT_IPV4: &str = "com.docker.network.bridge.inhibit_ipv4";
/// Already in the network's families when a driver sees them.
const ENABLE: [&str; 2] = [
    "com.docker.network.enable_ipv4",
    "com.docker.network.enable_ipv6",
];
const HOST_BINDING: &str = "com.docker.network.bridge.host_binding_ipv4";
const MTU: &str = "com.docker.network.driver.mtu";
const INTERFACE_PREFIX: &str = "com.docker.network.container_iface_prefix";
const ADVERTISE_MESSAGES: &str = "com.docker.network.advertise_addr_nmsgs";
const ADVERTISE_INTERVAL: &str = "com.docker.network.advertise_addr_ms";
/// Already in the endpoint's interface name when a driver sees it.
const ENDPOINT_IFNAME: &str = "com.docker.network.endpoint.ifname";

/// Already among the endpoint's names when a driver sees it.
const ENDPOINT_NAME: &str = "rnet.name";
/// Everything below this is an option of rnet's own.
const RNETS: &str = "rnet.";

/// Everything below this is Docker's, so a label there that no one knows is a mistake.
const DOCKERS: &str = "com.docker.network.";

/// The kernel's default for bridges and veths, in bytes.
const ETHERNET_MTU: u32 = 1500;

/// RFC 8200, section 5, in bytes; the kernel takes IPv6 off a link that carries less.
const IPV6_LEAST_MTU: u32 = 1280;

/// What was asked of one bridge network, defaults filled in.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Options {
    /// The bridge's name.
    pub(super) bridge: IfName,
    /// Whether endpoints may talk to each other.
    pub(super) icc: bool,
    /// What reaches the network, and as whom it leaves.
    pub(super) reach: Reach,
    /// Whether the bridge goes without the IPv4 gateway's address, which is another machine's.
    pub(super) inhibit_ipv4: bool,
    /// The MTU of the bridge and its endpoints, if it was fixed.
    pub(super) mtu: Option<Mtu>,
    /// What interface names inside a sandbox begin with.
    pub(super) interface_prefix: String,
    /// Where ports are published that name no address of the host.
    pub(super) host_binding: Option<IpAddr>,
    /// How often a new endpoint tells its neighbours of itself, if it was fixed.
    pub(super) advertise_count: Option<u64>,
    /// The time from one such message to the next, if it was fixed.
    pub(super) advertise_interval: Option<Duration>,
}

impl Options {
    /// Reads a network's options; those outside Docker's name space are the user's own and are left alone.
    pub(super) fn of(network: &Network) -> Result<Self, DriverError> {
        let name = format!("br-{}", network.id.short());
        let mut options = Self {
            bridge: name
                .parse()
                .expect("br- and 12 hex digits are a valid name"),
            icc: true,
            reach: Reach::default(),
            inhibit_ipv4: false,
            mtu: None,
            interface_prefix: "eth".to_owned(),
            host_binding: None,
            advertise_count: None,
            advertise_interval: None,
        };
        for (label, value) in &network.options {
            options.set(label, value)?;
        }
        options.reach.check(network)?;
        match options.mtu.map(u32::from) {
            Some(bytes) if network.enable_ipv6 && bytes < IPV6_LEAST_MTU => Err(invalid(
                MTU,
                &bytes.to_string(),
                "at least 1280 on an IPv6 network",
            )),
            _ => Ok(options),
        }
    }

    /// The MTU that was asked for; else that of the host's way out, where it is less than the kernel's default.
    pub(super) fn link_mtu(&self, network: &Network, facts: &HostFacts) -> Option<Mtu> {
        let least = if network.enable_ipv6 {
            IPV6_LEAST_MTU
        } else {
            0
        };
        let egress = || u32::from(facts.egress_mtu?).max(least).try_into().ok();
        self.mtu
            .or_else(|| egress().filter(|&mtu| u32::from(mtu) < ETHERNET_MTU))
    }

    fn set(&mut self, label: &str, value: &str) -> Result<(), DriverError> {
        match label {
            // Docker takes an empty text for "choose yourself".
            NAME | INTERFACE_PREFIX | HOST_BINDING | ADVERTISE_MESSAGES | ADVERTISE_INTERVAL
                if value.is_empty() => {}
            NAME => self.bridge = parse(label, value, "an interface name of 1 to 15 characters")?,
            ICC => self.icc = boolean(label, value)?,
            INHIBIT_IPV4 => self.inhibit_ipv4 = boolean(label, value)?,
            _ if ENABLE.contains(&label) => _ = boolean(label, value)?,
            DEFAULT_BRIDGE => _ = boolean(label, value)?,
            MTU => self.mtu = mtu(label, value)?,
            INTERFACE_PREFIX => self.interface_prefix = prefix(label, value)?,
            ADVERTISE_MESSAGES => {
                self.advertise_count = Some(within(label, value, 0..=3, "0 to 3 messages")?);
            }
            ADVERTISE_INTERVAL => {
                let milliseconds = within(label, value, 100..=2000, "100 to 2000 milliseconds")?;
                self.advertise_interval = Some(Duration::from_millis(milliseconds));
            }
            HOST_BINDING => self.host_binding = Some(parse(label, value, "an IP address")?),
            _ if self.reach.set(label, value)? => {}
            _ => refuse(label)?,
        }
        Ok(())
    }
}

/// Checks the options of an endpoint, all of which are the same for every driver.
pub(super) fn check_endpoint(options: &BTreeMap<String, String>) -> Result<(), DriverError> {
    let known = [ENDPOINT_IFNAME, ENDPOINT_SYSCTLS, ENDPOINT_NAME];
    let known = known.into_iter().chain(Bandwidth::OPTIONS);
    options
        .keys()
        .filter(|label| known.clone().all(|known| known != label.as_str()))
        .try_for_each(|label| match label.starts_with(RNETS) {
            true => Err(DriverError::UnknownOption {
                label: label.clone(),
            }),
            false => refuse(label),
        })
}

/// Refuses what the user could believe to be in force.
fn refuse(label: &str) -> Result<(), DriverError> {
    match label.starts_with(DOCKERS) {
        true => Err(DriverError::UnknownOption {
            label: label.to_owned(),
        }),
        false => Ok(()),
    }
}

/// Zero leaves the choice to rnet.
fn mtu(label: &str, value: &str) -> Result<Option<Mtu>, DriverError> {
    let expected = "68 to 65535 bytes, or 0 for the default";
    match parse(label, value, expected)? {
        0 => Ok(None),
        bytes => Mtu::try_from(bytes)
            .map(Some)
            .map_err(|_| invalid(label, value, expected)),
    }
}

/// A prefix must leave room for the number that follows it.
fn prefix(label: &str, value: &str) -> Result<String, DriverError> {
    let expected = "the first 1 to 12 characters of an interface name";
    parse::<IfName>(label, &format!("{value}999"), expected)
        .map(|_| value.to_owned())
        .map_err(|_| invalid(label, value, expected))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bridge::tests::{V4, V6, network};

    fn message(label: &str, value: &str) -> String {
        Options::of(&network(&[(label, value)], &[V4, V6]))
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_bad_value_is_refused_by_its_label_with_what_is_expected() {
        let room = "expected the first 1 to 12 characters of an interface name";
        for (label, value, expected) in [
            (
                NAME,
                "a name",
                "expected an interface name of 1 to 15 characters",
            ),
            (
                NAME,
                "sixteen-letters-",
                "expected an interface name of 1 to 15 characters",
            ),
            (ICC, "yes", "expected true or false"),
            (
                MTU,
                "67",
                "expected 68 to 65535 bytes, or 0 for the default",
            ),
            (
                MTU,
                "-1",
                "expected 68 to 65535 bytes, or 0 for the default",
            ),
            (MTU, "1279", "expected at least 1280 on an IPv6 network"),
            (INTERFACE_PREFIX, "thirteen-char", room),
            (INTERFACE_PREFIX, "a/b", room),
            (HOST_BINDING, "localhost", "expected an IP address"),
            (ADVERTISE_MESSAGES, "4", "expected 0 to 3 messages"),
            (
                ADVERTISE_INTERVAL,
                "99",
                "expected 100 to 2000 milliseconds",
            ),
        ] {
            let whole = format!("invalid value {value:?} for option {label}: {expected}");
            assert_eq!(message(label, value), whole);
        }
    }

    #[test]
    fn a_label_of_dockers_that_no_one_knows_is_a_mistake_and_any_other_is_the_users_own() {
        let misspelt = "com.docker.network.bridge.enable_icq";
        assert!(message(misspelt, "true").starts_with("unknown option com.docker.network.bridge"));
        assert!(Options::of(&network(&[("parent", "eth0")], &[V4])).is_ok());
    }

    #[test]
    fn an_empty_name_leaves_the_choice_to_rnet() {
        let empty = [(NAME, ""), (INTERFACE_PREFIX, ""), (HOST_BINDING, "")];
        assert_eq!(
            Options::of(&network(&empty, &[V4])),
            Options::of(&network(&[], &[V4]))
        );
    }

    #[test]
    fn an_endpoint_may_choose_its_interfaces_name_and_variables_and_nothing_else() {
        let check = |label: &str| check_endpoint(&BTreeMap::from([(label.into(), "x".into())]));
        assert_eq!(check(ENDPOINT_IFNAME), Ok(()));
        assert_eq!(check("my.label"), Ok(()));
        assert_eq!(check(ENDPOINT_SYSCTLS), Ok(()));
        assert_eq!(check("rnet.egress_rate"), Ok(()));
        for misspelt in ["com.docker.network.endpoint.ifnam", "rnet.egres_rate"] {
            assert!(check(misspelt).is_err(), "{misspelt}");
        }
    }
}
