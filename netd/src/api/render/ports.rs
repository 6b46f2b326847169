//! Published and exposed ports as clients see them, in the two forms they know.

use std::collections::{BTreeMap, BTreeSet};

use bollard_stubs::models::{PortSummary, PortSummaryTypeEnum};
use rnet_model::{Cidr, Protocol, PublishedPorts};
use serde::Serialize;

use crate::daemon::container_port;

/// Where on the host a port is; Docker's two members, and the clients it is for where it is not for everyone.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::api) struct Binding {
    host_ip: String,
    host_port: String,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    from: BTreeSet<Cidr>,
}

/// A port of a list; the clients it is for stand beside Docker's members where it is not for everyone.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::api) struct Port {
    #[serde(flatten)]
    port: PortSummary,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    from: BTreeSet<Cidr>,
}

/// The bindings of each port: none of one that is exposed only.
pub(in crate::api) type PortMap = BTreeMap<String, Option<Vec<Binding>>>;

/// Ports as an inspection shows them: `{"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}], "53/udp": null}`.
pub(in crate::api) fn map(published: &[PublishedPorts], exposed: &[String]) -> PortMap {
    let mut ports: PortMap = exposed.iter().map(|port| (whole(port), None)).collect();
    for published in published {
        for (host_port, container_port) in published.pairs() {
            let key = format!("{container_port}/{}", published.protocol);
            let bindings = ports.entry(key).or_default().get_or_insert_default();
            bindings.push(Binding {
                host_ip: published.host_address.to_string(),
                host_port: match published.is_bound() {
                    true => host_port.to_string(),
                    false => String::new(),
                },
                from: published.from.clone(),
            });
        }
    }
    ports
}

/// Ports as a list shows them: one entry a binding, and one for each exposed port without any.
pub(in crate::api) fn list(published: &[PublishedPorts], exposed: &[String]) -> Vec<Port> {
    let bindings = published.iter().flat_map(|published| {
        published.pairs().map(|(host_port, container_port)| Port {
            port: PortSummary {
                ip: Some(published.host_address.to_string()),
                private_port: container_port,
                public_port: published.is_bound().then_some(host_port),
                typ: Some(kind(published.protocol)),
            },
            from: published.from.clone(),
        })
    });
    let unpublished = exposed
        .iter()
        .filter_map(|text| container_port(text).ok())
        .filter(|&(port, protocol)| !published.iter().any(|it| it.leads_to(port, protocol)));
    let bare = unpublished.map(|(port, protocol)| Port {
        port: PortSummary {
            ip: None,
            private_port: port,
            public_port: None,
            typ: Some(kind(protocol)),
        },
        from: BTreeSet::new(),
    });
    bindings.chain(bare).collect()
}

/// A port with its protocol, which may be left out when it is TCP.
fn whole(port: &str) -> String {
    if port.contains('/') {
        port.to_owned()
    } else {
        format!("{port}/tcp")
    }
}

const fn kind(protocol: Protocol) -> PortSummaryTypeEnum {
    match protocol {
        Protocol::Tcp => PortSummaryTypeEnum::TCP,
        Protocol::Udp => PortSummaryTypeEnum::UDP,
        Protocol::Sctp => PortSummaryTypeEnum::SCTP,
    }
}

#[cfg(test)]
mod tests {
    use rnet_model::PortRange;

    use super::*;

    fn published() -> PublishedPorts {
        PublishedPorts {
            protocol: Protocol::Tcp,
            host_address: "0.0.0.0".parse().unwrap(),
            host_ports: PortRange::one(8080),
            container_ports: PortRange::one(80),
            from: BTreeSet::new(),
        }
    }

    #[test]
    fn a_port_is_shown_with_its_bindings_or_bare() {
        let exposed = ["80/tcp".to_owned(), "53/udp".to_owned(), "90".to_owned()];
        let text = serde_json::to_value(map(&[published()], &exposed)).unwrap();
        let binding = serde_json::json!([{"HostIp": "0.0.0.0", "HostPort": "8080"}]);
        assert_eq!(
            text,
            serde_json::json!({"80/tcp": binding, "53/udp": null, "90/tcp": null})
        );
        let shown: Vec<_> = list(&[published()], &exposed)
            .into_iter()
            .map(|shown| (shown.port.private_port, shown.port.public_port))
            .collect();
        assert_eq!(shown, [(80, Some(8080)), (53, None), (90, None)]);
    }
}
