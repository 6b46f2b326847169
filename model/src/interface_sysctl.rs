//! A kernel variable of one interface, written down before the interface has a name.

use std::str::FromStr;

use crate::{EndpointSettings, IfName, Object};

/// The endpoint option that sets variables of its interface: `net.ipv4.conf.IFNAME.log_martians=1,…`.
pub const ENDPOINT_SYSCTLS: &str = "com.docker.network.endpoint.sysctls";

/// One variable below `/proc/sys/net/{ipv4,ipv6,mpls}/<table>/<interface>`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InterfaceSysctl {
    /// The directories above the interface, such as `net/ipv4/conf`.
    above: String,
    /// What is below it, such as `log_martians`.
    below: String,
    value: String,
}

/// A text that is not `net.{ipv4|ipv6|mpls}.<table>.IFNAME.<key>=<value>`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "unrecognised network interface sysctl '{0}'; represent 'net.X.Y.ethN.Z=V' as 'net.X.Y.IFNAME.Z=V', \
     'X' must be 'ipv4', 'ipv6' or 'mpls'"
)]
pub struct InvalidInterfaceSysctl(String);

impl InterfaceSysctl {
    /// Those an endpoint is asked to have, in their order.
    pub fn of(settings: &EndpointSettings) -> Result<Vec<Self>, InvalidInterfaceSysctl> {
        let listed = settings.driver_options.get(ENDPOINT_SYSCTLS);
        listed
            .iter()
            .flat_map(|list| list.split(','))
            .map(str::parse)
            .collect()
    }

    /// The variable of the interface that has this name.
    pub fn on(&self, link: &IfName) -> Object {
        let Self {
            above,
            below,
            value,
        } = self;
        Object::Sysctl {
            key: format!("{above}/{link}/{below}"),
            value: value.clone(),
        }
    }
}

impl FromStr for InterfaceSysctl {
    type Err = InvalidInterfaceSysctl;

    fn from_str(text: &str) -> Result<Self, InvalidInterfaceSysctl> {
        let invalid = || InvalidInterfaceSysctl(text.to_owned());
        let (name, value) = text.split_once('=').ok_or_else(invalid)?;
        let parts: Vec<&str> = name.trim().splitn(5, '.').collect();
        let [
            net @ "net",
            family @ ("ipv4" | "ipv6" | "mpls"),
            table,
            interface,
            key,
        ] = parts[..]
        else {
            return Err(invalid());
        };
        // Docker's command line turns options to lower case
        if !interface.eq_ignore_ascii_case("ifname") || table.is_empty() || key.is_empty() {
            return Err(invalid());
        }
        Ok(Self {
            above: format!("{net}/{family}/{table}"),
            below: key.replace('.', "/"),
            value: value.trim().to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(list: &str) -> Result<Vec<String>, String> {
        let settings = EndpointSettings {
            driver_options: [(ENDPOINT_SYSCTLS.to_owned(), list.to_owned())].into(),
            ..Default::default()
        };
        let link = "eth0.5".parse().unwrap();
        let sysctls = InterfaceSysctl::of(&settings).map_err(|error| error.to_string())?;
        Ok(sysctls.iter().map(|it| it.on(&link).to_string()).collect())
    }

    #[test]
    fn a_list_sets_variables_of_the_interface_whatever_it_is_called() {
        let list = "net.ipv4.conf.IFNAME.log_martians=1,net.ipv6.neigh.ifname.base_reachable_time_ms=9,\
                    net.mpls.conf.IFNAME.input=1";
        let expected = [
            "sysctl net/ipv4/conf/eth0.5/log_martians=1",
            "sysctl net/ipv6/neigh/eth0.5/base_reachable_time_ms=9",
            "sysctl net/mpls/conf/eth0.5/input=1",
        ];
        assert_eq!(read(list).unwrap(), expected);
        assert_eq!(InterfaceSysctl::of(&Default::default()), Ok(vec![]));
    }

    #[test]
    fn what_is_no_variable_of_this_interface_is_refused_and_named() {
        for text in [
            "",
            "net.ipv4.conf.IFNAME.forwarding",
            "net.ipv4.conf.eth0.forwarding=1",
            "net.core.conf.IFNAME.x=1",
            "kernel.ipv4.conf.IFNAME.x=1",
            "net.ipv4.IFNAME.x=1",
            "net.ipv4.conf.IFNAME.=1",
        ] {
            let refusal = read(text).unwrap_err();
            let named = format!("unrecognised network interface sysctl '{text}'");
            assert!(refusal.starts_with(&named), "{refusal}");
        }
    }
}
