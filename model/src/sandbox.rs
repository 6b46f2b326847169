//! A sandbox: a network namespace, pinned by a bind mount, with what is attached to it.

use serde::{Deserialize, Serialize};

use crate::{ContainerId, DnsConfig, Object, PublishedPorts, Resource, SandboxId};

/// One network namespace that endpoints are attached to.
///
/// Published ports belong to the sandbox, not to an endpoint: they follow whichever endpoint is the gateway.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Sandbox {
    /// Its identity: a new one each time its container starts.
    pub id: SandboxId,
    /// The container that lives in it.
    pub container: ContainerId,
    /// How names are resolved in it.
    pub dns: DnsConfig,
    /// The ports of it that the host publishes.
    pub ports: Vec<PublishedPorts>,
    /// The kernel resources it stands on, in the order they are made: the namespace, its loopback, its default routes.
    pub resources: Vec<Resource>,
}

impl Sandbox {
    /// Records other routes in place of the ones it has.
    pub fn replace_routes(&mut self, routes: Vec<Resource>) {
        self.resources
            .retain(|resource| !matches!(resource.object, Object::Route { .. }));
        self.resources.extend(routes);
    }

    /// The routes it has on record.
    pub fn routes(&self) -> impl Iterator<Item = &Resource> {
        self.resources
            .iter()
            .filter(|resource| matches!(resource.object, Object::Route { .. }))
    }
}
