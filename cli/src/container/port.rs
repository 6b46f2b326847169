//! `port`: where on the host a container's ports are.

use std::collections::HashMap;
use std::fmt;

use clap::Args;
use serde::Deserialize;
use serde_json::Value;

use crate::api::{Api, segment};
use crate::error::{Error, Result};
use crate::parse::ports::Expose;
use crate::show::output;

/// Show where on the host a container's ports are
#[derive(Args)]
pub(crate) struct Port {
    /// Name or id
    container: String,
    /// Show this port only
    #[arg(value_name = "PORT[/PROTOCOL]")]
    port: Option<Expose>,
}

impl Port {
    pub(crate) async fn run(self, api: &Api) -> Result<u8> {
        let path = format!("/containers/{}/json", segment(&self.container));
        let mut document = api.document(&path).await?;
        let ports = bindings(document["NetworkSettings"]["Ports"].take())?;
        match self.port {
            None => ports
                .iter()
                .try_for_each(|(port, host)| output::line(format!("{port} -> {host}")))?,
            Some(wanted) => {
                let wanted: Vec<_> = wanted.names().collect();
                let mut found = ports
                    .iter()
                    .filter(|(port, _)| wanted.contains(port))
                    .peekable();
                if found.peek().is_none() {
                    let name = format!("{} of {}", wanted.join(", "), self.container);
                    return Err(Error::NoSuch {
                        kind: "published port",
                        name,
                    });
                }
                found.try_for_each(|(_, host)| output::line(host))?;
            }
        }
        Ok(0)
    }
}

/// A port's place on the host, with the clients it is for where it is not for everyone.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Binding {
    host_ip: String,
    host_port: String,
    from: Vec<String>,
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ip, port) = (&self.host_ip, &self.host_port);
        match ip.contains(':') {
            true => write!(f, "[{ip}]:{port}")?,
            false => write!(f, "{ip}:{port}")?,
        }
        match self.from.as_slice() {
            [] => Ok(()),
            from => write!(f, " (from {})", from.join(" ")),
        }
    }
}

/// Every published port with its place on the host, lowest port first.
fn bindings(ports: Value) -> Result<Vec<(String, String)>> {
    let ports: Option<HashMap<String, Option<Vec<Binding>>>> =
        serde_json::from_value(ports).map_err(Error::answer)?;
    let mut lines: Vec<_> = ports
        .unwrap_or_default()
        .into_iter()
        .flat_map(|(port, bindings)| {
            bindings
                .unwrap_or_default()
                .into_iter()
                // what is reached at the container's own address is nowhere on the host
                .filter(|binding| !binding.host_port.is_empty())
                .map(move |binding| (port.clone(), binding.to_string()))
        })
        .collect();
    lines.sort_by_cached_key(|(port, host)| {
        let number = port
            .split('/')
            .next()
            .and_then(|number| number.parse::<u16>().ok());
        (number, port.clone(), host.clone())
    });
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn published_ports_come_lowest_first() {
        let ports = json!({
            "443/tcp": [{ "HostIp": "::", "HostPort": "8443" }],
            "80/tcp": [{ "HostIp": "0.0.0.0", "HostPort": "8080", "From": ["10.0.0.0/8"] }],
            "81/tcp": [{ "HostIp": "0.0.0.0", "HostPort": "" }],
            "9/udp": null,
        });
        let expected = [
            ("80/tcp", "0.0.0.0:8080 (from 10.0.0.0/8)"),
            ("443/tcp", "[::]:8443"),
        ];
        let expected = expected.map(|(port, host)| (port.to_owned(), host.to_owned()));
        assert_eq!(bindings(ports).unwrap(), expected);
        assert!(bindings(Value::Null).unwrap().is_empty());
    }
}
