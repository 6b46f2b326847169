//! What a client asks of an endpoint, as values instead of texts.

use std::fmt::Display;
use std::net::IpAddr;

use bollard_stubs::models;
use rnet_model::{ContainerLink, EndpointSettings, InterfaceSysctl, MacAddress};

use crate::error::{Error, Result};

/// Reads the settings of an endpoint; refuses what is malformed, all of it at once (moby, api/types/network:
/// `EndpointIPAMConfig.Validate`).
pub fn endpoint_settings(asked: models::EndpointSettings) -> Result<EndpointSettings> {
    let mut mistakes = Mistakes::default();
    let ipam = asked.ipam_config.unwrap_or_default();
    let addresses = [
        (ipam.ipv4_address, address(IpAddr::is_ipv4, "IPv4")),
        (ipam.ipv6_address, address(IpAddr::is_ipv6, "IPv6")),
    ];
    let [ipv4_address, ipv6_address] = addresses.map(|(text, read)| {
        let text = text.filter(|text| !text.is_empty())?;
        mistakes.unless(read(&text))
    });
    let link_local = ipam.link_local_ips.unwrap_or_default();
    let link_local = link_local
        .iter()
        .filter_map(|it| mistakes.unless(link_local_address(it)));
    let link_local = link_local.collect();
    let mac = asked.mac_address.filter(|mac| !mac.is_empty());
    let mac = mac.map(|mac| {
        mac.replace('-', ":")
            .to_ascii_lowercase()
            .parse::<MacAddress>()
    });
    let mac_address = mac.and_then(|mac| mistakes.unless(mac));
    let links = asked.links.unwrap_or_default();
    let links = links
        .iter()
        .filter_map(|it| mistakes.unless(it.parse::<ContainerLink>()));
    let settings = EndpointSettings {
        links: links.collect(),
        ipv4_address,
        ipv6_address,
        link_local,
        mac_address,
        aliases: asked.aliases.unwrap_or_default(),
        gw_priority: asked.gw_priority.unwrap_or(0),
        driver_options: asked.driver_opts.unwrap_or_default().into_iter().collect(),
    };
    mistakes.unless(InterfaceSysctl::of(&settings));
    mistakes.none().map(|()| settings)
}

/// What is wrong with an endpoint's settings.
#[derive(Default)]
pub(in crate::daemon::container) struct Mistakes(Vec<String>);

impl Mistakes {
    /// One more.
    pub(in crate::daemon::container) fn note(&mut self, mistake: impl Display) {
        self.0.push(mistake.to_string());
    }

    /// Refuses the settings if there was any.
    pub(in crate::daemon::container) fn none(self) -> Result<()> {
        match self.0[..] {
            [] => Ok(()),
            _ => Err(Error::invalid(format!(
                "invalid endpoint settings:\n{}",
                self.0.join("\n")
            ))),
        }
    }

    fn unless<T>(&mut self, read: Result<T, impl Display>) -> Option<T> {
        read.map_err(|mistake| self.note(mistake)).ok()
    }
}

fn address(
    fits: fn(&IpAddr) -> bool,
    family: &'static str,
) -> impl Fn(&str) -> Result<IpAddr, String> {
    move |text| match text.parse() {
        Ok(address) if fits(&address) && !address.is_unspecified() => Ok(address),
        _ => Err(format!("invalid {family} address: {text}")),
    }
}

fn link_local_address(text: &str) -> Result<IpAddr, String> {
    let is_link_local = |address: &IpAddr| match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    let address = text.parse().ok().filter(is_link_local);
    address.ok_or_else(|| format!("invalid link-local IP address: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<EndpointSettings> {
        endpoint_settings(serde_json::from_str(text).unwrap())
    }

    #[test]
    fn an_endpoints_settings_are_read() {
        let settings = read(
            r#"{"IPAMConfig":{"IPv4Address":"172.25.0.9","IPv6Address":""},"MacAddress":"02-42-AC-11-00-02",
                "Aliases":["web"],"Links":["db:database"],"GwPriority":3,"NetworkID":"","IPPrefixLen":0}"#,
        )
        .unwrap();
        assert_eq!(settings.links, ["db:database".parse().unwrap()]);
        assert_eq!(settings.ipv4_address, Some("172.25.0.9".parse().unwrap()));
        assert_eq!(settings.ipv6_address, None);
        assert_eq!(
            settings.mac_address.unwrap().to_string(),
            "02:42:ac:11:00:02"
        );
        assert_eq!(
            (settings.aliases, settings.gw_priority),
            (vec!["web".to_owned()], 3)
        );
    }

    #[test]
    fn an_endpoint_has_addresses_of_link_scope_that_are_such() {
        let settings =
            read(r#"{"IPAMConfig":{"LinkLocalIPs":["169.254.7.7","fe80::7"]}}"#).unwrap();
        let cidrs: Vec<_> = settings
            .link_local_cidrs()
            .map(|it| it.to_string())
            .collect();
        assert_eq!(cidrs, ["169.254.7.7/16", "fe80::7/64"]);
    }

    #[test]
    fn all_that_is_malformed_is_refused_at_once() {
        let refusal = read(
            r#"{"IPAMConfig":{"IPv4Address":"fd00::1","IPv6Address":"::","LinkLocalIPs":["10.0.0.1"]},
                "MacAddress":"01:00:5e:00:00:01","Links":["a:b:c"],
                "DriverOpts":{"com.docker.network.endpoint.sysctls":"net.x=1"}}"#,
        );
        let refusal = refusal.unwrap_err().to_string();
        let lines: Vec<_> = refusal.lines().collect();
        assert_eq!(lines[0], "invalid endpoint settings:");
        let begins = [
            "invalid IPv4 address: fd00::1",
            "invalid IPv6 address: ::",
            "invalid link-local IP address: 10.0.0.1",
            "invalid MAC address",
            "bad format for links: a:b:c",
            "unrecognised network interface sysctl 'net.x=1'",
        ];
        for (line, begin) in lines[1..].iter().zip(begins) {
            assert!(line.starts_with(begin), "{line}");
        }
        assert_eq!(lines.len(), 1 + begins.len());
    }
}
