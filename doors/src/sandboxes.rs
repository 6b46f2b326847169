//! The sandboxes of one runtime: each is made by its first attachment, and gone with its last.

use serde_json::{Map, Value, json};

use crate::netd::{CallError, Netd, segment};

/// What one runtime has with `netd`.
pub(crate) struct Sandboxes {
    netd: Netd,
    runtime: &'static str,
}

impl Sandboxes {
    /// Those of the runtime of that name.
    pub(crate) fn new(netd: Netd, runtime: &'static str) -> Self {
        Self { netd, runtime }
    }

    pub(crate) fn netd(&self) -> &Netd {
        &self.netd
    }

    /// Lets a container be on the networks of `request`, a body of `POST /sandboxes/create`, in addition to those it is
    /// on; all of them, or none. The whole sandbox then, as `netd` shows it.
    ///
    /// A sandbox that was there keeps its ports: those of the request count for a new one.
    pub(crate) fn attach(&self, request: &Value) -> Result<Value, CallError> {
        let container = request["ContainerID"].as_str().unwrap_or_default();
        let refused = match self.netd.post("/sandboxes/create", request) {
            Err(refused @ CallError::Refused { status: 409, .. }) => refused,
            answer => return answer,
        };
        // it is there already, or its namespace is another's
        let Ok(sandbox) = self.show(container) else {
            return Err(refused);
        };
        let wanted = request["NetworkingConfig"]["EndpointsConfig"].as_object();
        let mut connected = Vec::new();
        for (network, endpoint) in wanted.into_iter().flatten() {
            let body = json!({"Container": sandbox["Id"], "EndpointConfig": endpoint});
            if let Err(error) = self.netd.post(&path(network, "connect"), &body) {
                for network in connected {
                    // the first failure is the one that is told
                    let body = json!({"Container": sandbox["Id"]});
                    let _ = self.netd.post(&path(network, "disconnect"), &body);
                }
                return Err(error);
            }
            connected.push(network);
        }
        self.show(container)
    }

    /// The sandbox of a container.
    pub(crate) fn show(&self, container: &str) -> Result<Value, CallError> {
        let (container, runtime) = (segment(container), self.runtime);
        self.netd
            .get(&format!("/sandboxes/{container}/json?runtime={runtime}"))
    }

    /// The sandboxes on a network.
    pub(crate) fn on(&self, network: &str) -> Result<Vec<Value>, CallError> {
        let filters = json!({"runtime": [self.runtime], "network": [network]});
        let filters = segment(&filters.to_string());
        let found = self
            .netd
            .get(&format!("/sandboxes/json?filters={filters}"))?;
        Ok(found.as_array().cloned().unwrap_or_default())
    }

    /// Changes the sandbox of a container by `change`, a body of `POST /sandboxes/{id}/update`; the sandbox then.
    pub(crate) fn update(&self, container: &str, change: &Value) -> Result<Value, CallError> {
        let (container, runtime) = (segment(container), self.runtime);
        let path = format!("/sandboxes/{container}/update?runtime={runtime}");
        self.netd.post(&path, change)
    }

    /// Detaches one interface of a container; what is detached already is a success.
    pub(crate) fn detach(&self, container: &str, ifname: &str) -> Result<(), CallError> {
        let (container, ifname, runtime) = (segment(container), segment(ifname), self.runtime);
        self.netd.delete(&format!(
            "/sandboxes/{container}?runtime={runtime}&interface={ifname}"
        ))
    }
}

/// A sandbox's place on the network where its interface has that name.
pub(crate) fn place<'a>(sandbox: &'a Value, ifname: &str) -> Option<&'a Value> {
    let places = sandbox["NetworkSettings"]["Networks"].as_object();
    let mut places = places.into_iter().flat_map(Map::values);
    places.find(|place| place["InterfaceName"] == ifname)
}

/// An address of a place on a network.
pub(crate) struct Address<'a> {
    /// With its prefix length.
    pub(crate) cidr: String,
    /// None where there is none.
    pub(crate) gateway: Option<&'a str>,
}

/// The addresses of a place on a network.
pub(crate) fn addresses(place: &Value) -> Vec<Address<'_>> {
    let keys = [
        ("IPAddress", "IPPrefixLen", "Gateway"),
        ("GlobalIPv6Address", "GlobalIPv6PrefixLen", "IPv6Gateway"),
    ];
    let text = |key: &str| place[key].as_str().filter(|it| !it.is_empty());
    let found = keys.into_iter().filter_map(|(address, prefix, gateway)| {
        Some(Address {
            cidr: format!("{}/{}", text(address)?, place[prefix].as_u64()?),
            gateway: text(gateway),
        })
    });
    found.collect()
}

fn path(network: &str, action: &str) -> String {
    format!("/networks/{}/{action}", segment(network))
}
