//! What a container is attached to: `--network NAME`, or `--network name=NAME,ip=…,alias=…`.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use bollard::models::{EndpointIpamConfig, EndpointSettings};
use rnet_model::{ContainerLink, MacAddress};

use super::Refused;

/// One `--network`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Attachment {
    /// A network's name or id, or a mode: `host`, `none`, `container:NAME`.
    pub(crate) network: String,
    /// What the endpoint is asked to be.
    pub(crate) endpoint: Endpoint,
}

/// The wishes for an endpoint.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Endpoint {
    pub(crate) ip: Option<Ipv4Addr>,
    pub(crate) ip6: Option<Ipv6Addr>,
    pub(crate) link_local_ips: Vec<IpAddr>,
    pub(crate) mac_address: Option<MacAddress>,
    pub(crate) aliases: Vec<String>,
    pub(crate) links: Vec<ContainerLink>,
    pub(crate) driver_opts: HashMap<String, String>,
    pub(crate) gw_priority: Option<i64>,
}

impl Endpoint {
    /// As the API wants it.
    pub(crate) fn settings(self) -> EndpointSettings {
        let some = |list: Vec<_>| (!list.is_empty()).then_some(list);
        let link_local = self.link_local_ips.iter().map(ToString::to_string);
        let ipam = EndpointIpamConfig {
            ipv4_address: self.ip.map(|ip| ip.to_string()),
            ipv6_address: self.ip6.map(|ip| ip.to_string()),
            link_local_ips: some(link_local.collect()),
        };
        EndpointSettings {
            ipam_config: (ipam != EndpointIpamConfig::default()).then_some(ipam),
            links: some(self.links.iter().map(ToString::to_string).collect()),
            mac_address: self.mac_address.map(|mac| mac.to_string()),
            aliases: some(self.aliases),
            driver_opts: (!self.driver_opts.is_empty()).then_some(self.driver_opts),
            gw_priority: self.gw_priority,
            ..Default::default()
        }
    }
}

impl FromStr for Attachment {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        if !text.contains('=') {
            return named(Self {
                network: text.to_owned(),
                ..Self::default()
            });
        }
        let mut attachment = Self::default();
        let endpoint = &mut attachment.endpoint;
        for field in fields(text) {
            let (key, value) = field
                .split_once('=')
                .ok_or_else(|| Refused::new(format!("{field:?} is not KEY=VALUE")))?;
            match key {
                "name" => attachment.network = value.to_owned(),
                "ip" => endpoint.ip = Some(parsed(value)?),
                "ip6" => endpoint.ip6 = Some(parsed(value)?),
                "link-local-ip" => endpoint.link_local_ips.push(parsed(value)?),
                "link" => endpoint.links.push(parsed(value)?),
                "alias" => endpoint.aliases.push(value.to_owned()),
                "mac-address" => endpoint.mac_address = Some(parsed(value)?),
                "gw-priority" => endpoint.gw_priority = Some(parsed(value)?),
                "driver-opt" => {
                    let (name, value) = value
                        .split_once('=')
                        .ok_or_else(|| Refused::new("write driver-opt=NAME=VALUE"))?;
                    endpoint
                        .driver_opts
                        .insert(name.to_owned(), value.to_owned());
                }
                _ => {
                    return Err(Refused::new(format!(
                        "unknown key {key:?}: there are name, ip, ip6, link-local-ip, alias, link, mac-address, \
                         gw-priority, driver-opt"
                    )));
                }
            }
        }
        named(attachment)
    }
}

/// The fields of a line of comma-separated values; a comma within quotes separates nothing (RFC 4180).
fn fields(text: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    for letter in text.chars() {
        match letter {
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            _ => fields.last_mut().expect("there is one").push(letter),
        }
    }
    fields
}

fn named(attachment: Attachment) -> Result<Attachment, Refused> {
    match attachment.network.as_str() {
        "" => Err(Refused::new(
            "no network: write NAME, or name=NAME,KEY=VALUE…",
        )),
        _ => Ok(attachment),
    }
}

fn parsed<T: FromStr<Err: std::fmt::Display>>(value: &str) -> Result<T, Refused> {
    value
        .parse()
        .map_err(|error| Refused::new(format!("{value:?}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_long_form_carries_every_wish() {
        let text = "name=n,ip=172.25.0.9,ip6=fd00::9,alias=a,alias=b,mac-address=02:00:00:00:00:09,\
                    gw-priority=3,link-local-ip=169.254.7.7,link=db:database,\
                    driver-opt=com.docker.network.endpoint.ifname=net7";
        let attachment: Attachment = text.parse().unwrap();
        assert_eq!(attachment.network, "n");
        let settings = attachment.endpoint.settings();
        let ipam = settings.ipam_config.unwrap();
        assert_eq!(ipam.ipv4_address.as_deref(), Some("172.25.0.9"));
        assert_eq!(ipam.ipv6_address.as_deref(), Some("fd00::9"));
        assert_eq!(ipam.link_local_ips.unwrap(), ["169.254.7.7"]);
        assert_eq!(settings.links.unwrap(), ["db:database"]);
        assert_eq!(settings.aliases.unwrap(), ["a", "b"]);
        assert_eq!(settings.mac_address.as_deref(), Some("02:00:00:00:00:09"));
        assert_eq!(settings.gw_priority, Some(3));
        assert_eq!(
            settings.driver_opts.unwrap()["com.docker.network.endpoint.ifname"],
            "net7"
        );
    }

    #[test]
    fn a_value_with_commas_is_put_in_quotes() {
        let list = "net.ipv4.conf.IFNAME.log_martians=1,net.ipv4.conf.IFNAME.forwarding=0";
        let option = format!("driver-opt={}={list}", rnet_model::ENDPOINT_SYSCTLS);
        for text in [
            format!("name=n,\"{option}\",ip=10.0.0.9"),
            format!("name=n,{option},ip=10.0.0.9").replace(list, &format!("\"{list}\"")),
        ] {
            let Attachment { endpoint, .. } = text.parse().unwrap();
            assert_eq!(endpoint.driver_opts[rnet_model::ENDPOINT_SYSCTLS], list);
            assert_eq!(endpoint.ip, Some(Ipv4Addr::new(10, 0, 0, 9)));
        }
    }

    #[test]
    fn a_bare_name_has_no_wishes() {
        let attachment: Attachment = "container:c1".parse().unwrap();
        assert_eq!(attachment.network, "container:c1");
        assert_eq!(attachment.endpoint.settings(), EndpointSettings::default());
    }

    #[test]
    fn wrong_wishes_are_refused_by_name() {
        for (text, reason) in [
            ("", "no network"),
            ("ip=10.0.0.1", "no network"),
            ("name=n,ip=10.0.0", "\"10.0.0\""),
            ("name=n,ipv4=10.0.0.1", "unknown key \"ipv4\""),
            ("name=n,alias", "\"alias\" is not KEY=VALUE"),
        ] {
            let refused = text.parse::<Attachment>().unwrap_err().to_string();
            assert!(refused.contains(reason), "{text}: {refused}");
        }
    }
}
