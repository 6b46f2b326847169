//! A sandbox of somebody else's namespace as clients see it.

use std::collections::BTreeMap;

use bollard_stubs::models::EndpointSettings;
use rnet_model::{Endpoint, Guest, Object, Sandbox};
use serde::Serialize;

use super::{endpoint, ports};
use crate::daemon::Daemon;
use crate::state::is_live;

/// A sandbox, its members named like those of a container.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::api) struct Shown {
    id: String,
    name: String,
    #[serde(rename = "ContainerID")]
    reference: String,
    runtime: String,
    #[serde(rename = "NetNS")]
    namespace: String,
    created: String,
    labels: BTreeMap<String, String>,
    /// What its /etc/resolv.conf should say.
    resolv_conf: String,
    network_settings: Settings,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Settings {
    #[serde(rename = "SandboxID")]
    sandbox_id: String,
    sandbox_key: String,
    ports: ports::PortMap,
    networks: BTreeMap<String, Place>,
}

/// A place on a network, and which interface it is.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Place {
    #[serde(flatten)]
    settings: EndpointSettings,
    interface_name: String,
    /// The host's end of its pair; empty where there is none.
    host_interface: String,
    internal: bool,
}

fn host_interface(endpoint: &Endpoint) -> String {
    let mut objects = endpoint.resources.iter().map(|it| &it.object);
    let name = objects.find_map(|it| match it {
        Object::Veth(veth) => Some(veth.name.to_string()),
        _ => None,
    });
    name.unwrap_or_default()
}

/// Shows a guest; none where the sandbox is a container's.
pub(in crate::api) fn shown(daemon: &Daemon, sandbox: &Sandbox) -> Option<Shown> {
    let Guest {
        name,
        runtime,
        reference,
        namespace,
        created,
        labels,
        ..
    } = sandbox.guest.clone()?;
    let networks = daemon.read(|state| {
        let live = state.endpoints_of(sandbox.id).filter(|it| is_live(it));
        let places = live.filter_map(|it| {
            let network = state.network(it.network)?;
            let place = Place {
                settings: endpoint::shown(network, &it.settings, Some(it)),
                interface_name: it.ifname.to_string(),
                host_interface: host_interface(it),
                internal: network.internal,
            };
            Some((network.name.clone(), place))
        });
        places.collect()
    });
    Some(Shown {
        id: sandbox.container.to_string(),
        name,
        reference,
        runtime,
        namespace: namespace.map_or_else(String::new, |it| it.display().to_string()),
        created: created.to_string(),
        labels,
        resolv_conf: daemon.resolv_conf_of(sandbox),
        network_settings: Settings {
            sandbox_id: sandbox.id.to_string(),
            sandbox_key: daemon.sandbox_key(sandbox.id).display().to_string(),
            ports: ports::map(&sandbox.ports, &[]),
            networks,
        },
    })
}
