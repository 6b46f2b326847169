//! What a client asks of an endpoint, as values instead of texts.

use std::net::IpAddr;

use bollard_stubs::models;
use rnet_model::{EndpointSettings, InvalidMac};

use crate::error::{Error, Result};

/// A driver option of Docker's endpoints that would have to be ignored.
const SYSCTLS: &str = "com.docker.network.endpoint.sysctls";

/// Reads the settings of an endpoint; refuses what is malformed, and what is not supported yet.
pub fn endpoint_settings(asked: models::EndpointSettings) -> Result<EndpointSettings> {
    let unsupported = |field: &str| {
        Error::Unsupported(format!(
            "{field} of an endpoint is not supported by rnet yet"
        ))
    };
    if asked.links.is_some_and(|links| !links.is_empty()) {
        return Err(unsupported("Links"));
    }
    let ipam = asked.ipam_config.unwrap_or_default();
    if ipam
        .link_local_ips
        .is_some_and(|addresses| !addresses.is_empty())
    {
        return Err(unsupported("LinkLocalIPs"));
    }
    let options = asked.driver_opts.unwrap_or_default();
    if options.contains_key(SYSCTLS) {
        return Err(unsupported(&format!("driver option {SYSCTLS}")));
    }
    let mac = asked.mac_address.filter(|mac| !mac.is_empty());
    let mac = mac.map(|mac| mac.replace('-', ":").to_ascii_lowercase().parse());
    Ok(EndpointSettings {
        ipv4_address: address(ipam.ipv4_address, IpAddr::is_ipv4, "IPv4")?,
        ipv6_address: address(ipam.ipv6_address, IpAddr::is_ipv6, "IPv6")?,
        mac_address: mac
            .transpose()
            .map_err(|error: InvalidMac| Error::invalid(error.to_string()))?,
        aliases: asked.aliases.unwrap_or_default(),
        gw_priority: asked.gw_priority.unwrap_or(0),
        driver_options: options.into_iter().collect(),
    })
}

fn address(
    text: Option<String>,
    fits: impl Fn(&IpAddr) -> bool,
    family: &str,
) -> Result<Option<IpAddr>> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    match text.parse() {
        Ok(address) if fits(&address) => Ok(Some(address)),
        _ => Err(Error::invalid(format!("invalid {family} address: {text}"))),
    }
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
                "Aliases":["web"],"GwPriority":3,"NetworkID":"","IPPrefixLen":0}"#,
        )
        .unwrap();
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
    fn what_is_malformed_or_not_supported_is_refused() {
        for text in [
            r#"{"IPAMConfig":{"IPv4Address":"fd00::1"}}"#,
            r#"{"IPAMConfig":{"IPv6Address":"x"}}"#,
            r#"{"IPAMConfig":{"LinkLocalIPs":["169.254.1.1"]}}"#,
            r#"{"MacAddress":"01:00:5e:00:00:01"}"#,
            r#"{"Links":["a:b"]}"#,
            r#"{"DriverOpts":{"com.docker.network.endpoint.sysctls":"net.x=1"}}"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
