//! Ports that dockerd has published: by rnet, from when an endpoint becomes its container's way out.

use axum::Router;
use bollard_stubs::models::{PortBinding, PortMap};
use serde::Deserialize;

use super::endpoint::{Call, RUNTIME};
use super::wire::Nothing;
use super::{Plugin, driver};
use crate::error::{Class, Error, Result};

const PORT_MAP: &str = "com.docker.network.portmap";

pub(super) fn routes() -> Router<Plugin> {
    Router::new()
        .route(
            "/NetworkDriver.ProgramExternalConnectivity",
            driver(publish),
        )
        .route(
            "/NetworkDriver.RevokeExternalConnectivity",
            driver(withdraw),
        )
}

/// A binding as libnetwork has it (`types.PortBinding`).
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Binding {
    /// The number of its transport protocol.
    proto: u8,
    port: u16,
    #[serde(rename = "HostIP", default)]
    host_ip: String,
    #[serde(default)]
    host_port: u16,
    #[serde(default)]
    host_port_end: u16,
}

/// Publishes the ports that are not published yet.
fn publish(plugin: &Plugin, call: Call) -> Result<Nothing> {
    let mut options = call.options.unwrap_or_default();
    let bindings = options.remove(PORT_MAP).filter(|it| !it.is_null());
    let bindings: Vec<Binding> = bindings
        .map(serde_json::from_value)
        .transpose()
        .map_err(|error| Error::invalid(format!("invalid {PORT_MAP}: {error}")))?
        .unwrap_or_default();
    let mut map = PortMap::new();
    for binding in &bindings {
        let port = format!("{}/{}", binding.port, protocol(binding.proto)?);
        let all = map.entry(port).or_default().get_or_insert_default();
        all.push(binding.requested());
    }
    plugin.daemon.publish_guest(RUNTIME, &call.endpoint, &map)?;
    Ok(Nothing {})
}

/// Withdraws them all; an endpoint that is gone has none.
fn withdraw(plugin: &Plugin, call: Call) -> Result<Nothing> {
    match plugin.daemon.withdraw_guest(RUNTIME, &call.endpoint) {
        Err(error) if error.class() != Class::NotFound => Err(error),
        _ => Ok(Nothing {}),
    }
}

impl Binding {
    /// As the API has it; port 0 leaves the choice open.
    fn requested(&self) -> PortBinding {
        let ports = match (self.host_port, self.host_port_end) {
            (0, _) => String::new(),
            (first, last) if last > first => format!("{first}-{last}"),
            (port, _) => port.to_string(),
        };
        PortBinding {
            host_ip: Some(self.host_ip.clone()).filter(|it| !it.is_empty()),
            host_port: Some(ports),
        }
    }
}

fn protocol(number: u8) -> Result<&'static str> {
    match number {
        6 => Ok("tcp"),
        17 => Ok("udp"),
        132 => Ok("sctp"),
        other => Err(Error::invalid(format!(
            "cannot publish ports of IP protocol {other}: use TCP, UDP or SCTP"
        ))),
    }
}
