//! Published ports: every way to write `-p` (docker.md 1.10) and `--expose`.

use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;

use bollard::models::{PortBinding, PortMap};
use rnet_model::Protocol;

use super::Refused;

type Range = RangeInclusive<u16>;

/// One `-p`: ports of the container, and where on the host they are to be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Publish {
    host: Option<IpAddr>,
    host_ports: Option<Range>,
    ports: Expose,
}

/// One `--expose`: ports of the container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expose {
    ports: Range,
    protocol: Protocol,
}

impl Expose {
    /// The ports as the API names them: `80/tcp`.
    pub(crate) fn names(&self) -> impl Iterator<Item = String> {
        self.ports
            .clone()
            .map(|port| format!("{port}/{}", self.protocol))
    }
}

impl Publish {
    /// The ports as the API names them: `80/tcp`.
    pub(crate) fn names(&self) -> impl Iterator<Item = String> {
        self.ports.names()
    }

    /// What each of the ports is bound to. A range of host ports for one port of the container
    /// stays a range: the daemon takes the first that is free.
    fn bindings(&self) -> impl Iterator<Item = (String, PortBinding)> {
        let one_to_one = self.ports.ports.len() > 1;
        self.names().enumerate().map(move |(nth, name)| {
            let host_port = match &self.host_ports {
                None => String::new(),
                Some(range) if one_to_one => (usize::from(*range.start()) + nth).to_string(),
                Some(range) if range.len() == 1 => range.start().to_string(),
                Some(range) => format!("{}-{}", range.start(), range.end()),
            };
            let host_ip = self.host.map_or_else(String::new, |host| host.to_string());
            (
                name,
                PortBinding {
                    host_ip: Some(host_ip),
                    host_port: Some(host_port),
                },
            )
        })
    }
}

/// All of `publishes` as the API wants them.
pub(crate) fn bindings(publishes: &[Publish]) -> PortMap {
    let mut map: HashMap<_, Option<Vec<_>>> = HashMap::new();
    for (name, binding) in publishes.iter().flat_map(Publish::bindings) {
        map.entry(name)
            .or_default()
            .get_or_insert_default()
            .push(binding);
    }
    map
}

impl FromStr for Publish {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        if text.contains('=') {
            return long_form(text);
        }
        let (left, container) = text.rsplit_once(':').unwrap_or(("", text));
        let ports: Expose = container.parse()?;
        let (host, host_ports) = match left.rsplit_once(':') {
            Some((host, range)) => (Some(address(host)?), range),
            None if left.parse::<IpAddr>().is_ok() => {
                return Err(Refused::new(format!(
                    "no host port: write {left}:HOST_PORT:{container}"
                )));
            }
            None => (None, left),
        };
        let host_ports = (!host_ports.is_empty())
            .then(|| range(host_ports))
            .transpose()?;
        Self {
            host,
            host_ports,
            ports,
        }
        .checked()
    }
}

impl Publish {
    fn checked(self) -> Result<Self, Refused> {
        let container = self.ports.ports.len();
        match self.host_ports.as_ref().map(Range::len) {
            Some(host) if container > 1 && host != container => Err(Refused::new(format!(
                "{host} host ports cannot stand for {container} container ports: give ranges of the same length"
            ))),
            _ => Ok(self),
        }
    }
}

impl FromStr for Expose {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let (ports, protocol) = match text.split_once('/') {
            Some((ports, name)) => (
                ports,
                name.parse()
                    .map_err(|error| Refused::new(format!("{error}")))?,
            ),
            None => (text, Protocol::Tcp),
        };
        if ports.is_empty() {
            return Err(Refused::new(
                "no container port: write [[ADDRESS:]HOST_PORT:]CONTAINER_PORT[/PROTOCOL]",
            ));
        }
        Ok(Self {
            ports: range(ports)?,
            protocol,
        })
    }
}

/// `published=8080,target=80,protocol=tcp`.
fn long_form(text: &str) -> Result<Publish, Refused> {
    let (mut published, mut target, mut protocol) = (None, None, Protocol::Tcp);
    for field in text.split(',') {
        match field.split_once('=') {
            Some(("published" | "source", ports)) => published = Some(range(ports)?),
            Some(("target", ports)) => target = Some(range(ports)?),
            Some(("protocol", name)) => {
                protocol = name
                    .parse()
                    .map_err(|error| Refused::new(format!("{error}")))?;
            }
            _ => {
                return Err(Refused::new(format!(
                    "{field:?} is none of published=PORT, target=PORT, protocol=PROTOCOL"
                )));
            }
        }
    }
    let ports = target.ok_or_else(|| Refused::new("no container port: add target=PORT"))?;
    Publish {
        host: None,
        host_ports: published,
        ports: Expose { ports, protocol },
    }
    .checked()
}

fn address(text: &str) -> Result<IpAddr, Refused> {
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    match bare.unwrap_or(text).parse() {
        Ok(IpAddr::V6(_)) if bare.is_none() => Err(Refused::new(format!(
            "write the IPv6 address in brackets: [{text}]"
        ))),
        Ok(address) => Ok(address),
        Err(_) => Err(Refused::new(format!(
            "{text:?} is not an IP address of the host"
        ))),
    }
}

fn range(text: &str) -> Result<Range, Refused> {
    let port = |text: &str| match text.parse() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(Refused::new(format!(
            "{text:?} is not a port: use 1 to 65535"
        ))),
    };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (port(first)?, port(last)?);
    if first > last {
        return Err(Refused::new(format!("the range {text} runs backwards")));
    }
    Ok(first..=last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published(text: &str) -> Vec<(String, String, String)> {
        let publish: Publish = text.parse().unwrap();
        publish
            .bindings()
            .map(|(name, binding)| (name, binding.host_ip.unwrap(), binding.host_port.unwrap()))
            .collect()
    }

    fn one(name: &str, host: &str, port: &str) -> Vec<(String, String, String)> {
        vec![(name.into(), host.into(), port.into())]
    }

    #[test]
    fn every_short_form_is_understood() {
        assert_eq!(published("80"), one("80/tcp", "", ""));
        assert_eq!(published("8080:80"), one("80/tcp", "", "8080"));
        assert_eq!(published("53:53/udp"), one("53/udp", "", "53"));
        assert_eq!(
            published("127.0.0.1:8080:80"),
            one("80/tcp", "127.0.0.1", "8080")
        );
        assert_eq!(
            published("127.0.0.1::80/sctp"),
            one("80/sctp", "127.0.0.1", "")
        );
        assert_eq!(published("[::1]:5000:5000"), one("5000/tcp", "::1", "5000"));
        assert_eq!(published("8000-8010:80"), one("80/tcp", "", "8000-8010"));
    }

    #[test]
    fn the_long_form_is_understood() {
        assert_eq!(
            published("published=8080,target=80,protocol=udp"),
            one("80/udp", "", "8080")
        );
        assert!("published=8080".parse::<Publish>().is_err());
        assert!("target=80,mode=host".parse::<Publish>().is_err());
    }

    #[test]
    fn equal_ranges_are_published_pair_by_pair() {
        let pairs = published("8000-8002:80-82");
        let expected: Vec<_> = [("80/tcp", "8000"), ("81/tcp", "8001"), ("82/tcp", "8002")]
            .map(|(name, port)| (name.to_owned(), String::new(), port.to_owned()))
            .into();
        assert_eq!(pairs, expected);
    }

    #[test]
    fn two_publishes_of_one_port_are_both_kept() {
        let publishes = ["8080:80", "127.0.0.1:81:80"].map(|text| text.parse().unwrap());
        assert_eq!(bindings(&publishes)["80/tcp"].as_ref().unwrap().len(), 2);
    }

    #[test]
    fn nonsense_is_refused_with_a_reason() {
        for (text, reason) in [
            ("", "no container port"),
            ("8080:", "no container port"),
            ("http:80", "\"http\" is not a port"),
            ("0:80", "\"0\" is not a port"),
            ("70000:80", "\"70000\" is not a port"),
            ("82-80:80", "runs backwards"),
            (
                "8000-8001:80-82",
                "2 host ports cannot stand for 3 container ports",
            ),
            ("80/icmp", "invalid protocol"),
            ("localhost:80:80", "\"localhost\" is not an IP address"),
            ("127.0.0.1:80", "no host port: write 127.0.0.1:HOST_PORT:80"),
            ("::1:80:80", "write the IPv6 address in brackets"),
        ] {
            let refused = text.parse::<Publish>().unwrap_err().to_string();
            assert!(refused.contains(reason), "{text}: {refused}");
        }
    }
}
