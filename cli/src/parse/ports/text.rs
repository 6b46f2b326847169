//! Ports as people write them: `-p` short and long, `--expose`.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::str::FromStr;

use rnet_model::{Cidr, Protocol};

use super::{Expose, Publish, Range};
use crate::parse::Refused;

impl FromStr for Publish {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let (text, from) = split_from(text)?;
        if text.contains('=') {
            return long_form(&text, from);
        }
        let text = text.as_str();
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
            from,
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

/// Parts `8080:80,from=10.0.0.0/8` into the ports and the clients they are for.
fn split_from(text: &str) -> Result<(String, BTreeSet<Cidr>), Refused> {
    let (from, rest): (Vec<_>, Vec<_>) = text
        .split(',')
        .partition(|field| field.starts_with("from="));
    let client = |field: &str| {
        let client = &field["from=".len()..];
        client.parse().map_err(|_| {
            Refused::new(format!(
                "{client:?} is no address prefix: write from=10.0.0.0/8 or from=2001:db8::/32"
            ))
        })
    };
    Ok((
        rest.join(","),
        from.into_iter().map(client).collect::<Result<_, _>>()?,
    ))
}

/// `published=8080,target=80,protocol=tcp`.
fn long_form(text: &str, from: BTreeSet<Cidr>) -> Result<Publish, Refused> {
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
                    "{field:?} is none of published=PORT, target=PORT, protocol=PROTOCOL, from=PREFIX"
                )));
            }
        }
    }
    let ports = target.ok_or_else(|| Refused::new("no container port: add target=PORT"))?;
    Publish {
        host: None,
        host_ports: published,
        ports: Expose { ports, protocol },
        from,
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
