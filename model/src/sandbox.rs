//! A sandbox: a network namespace, pinned by a bind mount, with what is attached to it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
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
    /// What is known of that container where it is not one of rnet's own.
    #[serde(default)]
    pub guest: Option<Guest>,
    /// How names are resolved in it.
    pub dns: DnsConfig,
    /// The ports of it that the host publishes.
    pub ports: Vec<PublishedPorts>,
    /// The kernel resources it stands on, in the order they are made: the namespace, its loopback, its default routes.
    pub resources: Vec<Resource>,
}

/// A container, a pod or a process that somebody else runs, in a network namespace that they made.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Guest {
    /// Its name; others may have the same.
    pub name: String,
    /// One more name it answers to; empty where it has none.
    pub hostname: String,
    /// Who runs it, in a word: `cni`, `podman`, …
    pub runtime: String,
    /// What its own runtime calls it.
    pub reference: String,
    /// Where its network namespace is found; none where its runtime takes the interface there itself.
    pub namespace: Option<PathBuf>,
    /// The process whose namespace it is, where it goes when that process ends.
    pub process: Option<u32>,
    /// The number of that namespace: another one at the same place is another's. 0 where none is known.
    pub inode: u64,
    /// Whether its runtime holds the host's ports that are published for it.
    pub holds_ports: bool,
    /// When it came.
    pub created: Timestamp,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

impl Sandbox {
    /// Whether its runtime takes its interface itself, so that nothing in its namespace is rnet's.
    pub fn takes_interface(&self) -> bool {
        let mut guest = self.guest.iter();
        guest.any(|it| it.namespace.is_none())
    }

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
