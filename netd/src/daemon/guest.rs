//! Guests: sandboxes in network namespaces that other runtimes made.
//!
//! A guest has what a container of rnet's own has on a network, by the same ways in and out. What its own runtime
//! keeps to itself is when it ends: a guest is gone when that runtime says so, or when its namespace is.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bollard_stubs::models::PortMap;
use jiff::Timestamp;
use rnet_model::{
    ContainerId, DnsConfig, EndpointSettings, Guest, Network, Phase, Sandbox, SandboxId,
};
use rnet_runtime_glue::process_end;
use sha2::{Digest, Sha256};
use tokio::io::Interest;

use super::attach::{EndpointRequest, names};
use super::container::may_have;
use super::ports::{Families, PortRequest};
use super::{Daemon, lookup, random_bytes};
use crate::error::{Error, Result};
use crate::fd::watched;
use crate::state::State;

/// A sandbox someone asks for in a namespace of theirs.
#[derive(Clone, Debug, Default)]
pub struct GuestRequest {
    /// What its runtime calls it; unique there.
    pub reference: String,
    /// The name it answers to; that of the reference where there is none.
    pub name: Option<String>,
    /// One more name it answers to.
    pub hostname: String,
    /// Its runtime, in a word.
    pub runtime: String,
    /// Where its network namespace is found; absolute. None where its runtime takes the interface there itself.
    pub namespace: Option<PathBuf>,
    /// The process whose namespace it is, where it shall go when that process ends.
    pub process: Option<u32>,
    /// How names are resolved in it.
    pub dns: DnsConfig,
    /// The ports of it to publish, as in a container's `HostConfig.PortBindings`.
    pub port_bindings: Option<PortMap>,
    /// Whether its runtime holds those of the host itself, as podman does: then rnet leaves them unbound.
    pub holds_ports: bool,
    /// Labels, and who its published ports are for.
    pub labels: HashMap<String, String>,
    /// The networks it is to be on, in the order of its interfaces.
    pub networks: Vec<(String, EndpointSettings)>,
}

impl Daemon {
    /// Makes a sandbox of a namespace that exists, with its endpoints and ports, or nothing.
    ///
    /// # Errors
    ///
    /// A conflict where its runtime has a guest of that reference already, or another guest lives in that namespace.
    pub fn create_guest(self: &Arc<Self>, request: GuestRequest) -> Result<Sandbox> {
        let container = container_id(&request.runtime, &request.reference);
        let inode = request.namespace.as_deref().map(inode_of).transpose()?;
        self.lives.hold(container, || {
            let (sandbox, requests, families) = self.read(|state| {
                let sandbox = new_sandbox(state, container, &request, inode.unwrap_or(0))?;
                let (requests, families) = reach(state, &sandbox, &request.networks)?;
                Ok::<_, Error>((sandbox, requests, families))
            })?;
            let wanted = PortRequest::parse(request.port_bindings.as_ref(), Some(&request.labels))?;
            let wanted = wanted.into_iter().map(|it| PortRequest {
                held_by_client: request.holds_ports,
                ..it
            });
            let wanted = self.bound(wanted.collect(), requests.iter().map(|it| it.network))?;
            self.publish_sandbox(sandbox, &requests, &wanted, families)?;
            let made = self.find_guest_of(Some(&request.runtime), &request.reference)?;
            self.watch_guest(&made);
            Ok(made)
        })
    }

    /// Removes a guest from all its networks, or its interface of that name alone; a guest goes with its last.
    ///
    /// An interface it does not have is no error.
    pub fn delete_guest(&self, reference: &str, interface: Option<&str>) -> Result<()> {
        let container = self.find_guest(reference)?.container;
        let deleted = self.hold_guest(container, |guest| {
            let (going, staying): (Vec<_>, Vec<_>) = self.read(|state| {
                let endpoints = state.endpoints_of(guest.id);
                let all = endpoints.map(|it| (it.id, it.ifname.clone()));
                all.partition(|(_, name)| interface.is_none_or(|it| it == name.as_str()))
            });
            let going: Vec<_> = going.into_iter().map(|(id, _)| id).collect();
            self.undo(guest.id, &going, staying.is_empty());
            Ok(())
        });
        match deleted {
            // it went while this waited for its turn
            Err(Error::NotFound { .. }) => Ok(()),
            deleted => deleted,
        }
    }

    /// Removes the guests whose namespace is gone; their names.
    pub fn prune_guests(&self) -> Vec<String> {
        let left = self.left_guests().into_iter();
        let removed = left.filter(|it| self.end_guest(it.container, it.id));
        removed.filter_map(|it| Some(it.guest?.name)).collect()
    }

    /// The guests whose namespace is gone.
    pub(super) fn left_guests(&self) -> Vec<Sandbox> {
        let mut guests: Vec<Sandbox> = self.read(|state| {
            let guests = state.sandboxes().filter(|it| it.guest.is_some());
            guests.cloned().collect()
        });
        guests.retain(|sandbox| {
            let guest = sandbox.guest.as_ref();
            let pinned = guest.and_then(|it| Some((it.namespace.as_deref()?, it.inode)));
            pinned.is_some_and(|(path, own)| !inode(path).is_ok_and(|found| found == own))
        });
        guests
    }

    /// Watches the guests that outlived the last daemon.
    pub(super) fn watch_guests(self: &Arc<Self>) {
        let sandboxes: Vec<Sandbox> = self.read(|state| state.sandboxes().cloned().collect());
        sandboxes.iter().for_each(|it| self.watch_guest(it));
    }

    /// Removes a guest when its process ends, which may be now; one that has its name by then stays.
    fn watch_guest(self: &Arc<Self>, sandbox: &Sandbox) {
        let Some(process) = sandbox.guest.as_ref().and_then(|it| it.process) else {
            return;
        };
        let (daemon, container, id) = (Arc::clone(self), sandbox.container, sandbox.id);
        // a process that is gone has no descriptor
        let ended = process_end(process);
        self.tasks.spawn(async move {
            match ended.map(|it| watched(it, Interest::READABLE)) {
                Some(Ok(ended)) => drop(ended.readable().await),
                Some(Err(error)) => tracing::error!(sandbox = id.short(), "not watched: {error}"),
                None => {}
            }
            let end = move || daemon.end_guest(container, id);
            // it may have been deleted before
            let _ = tokio::task::spawn_blocking(end).await;
        });
    }

    /// Removes a guest that is left; whether it was there. One that has its name by now is another sandbox.
    fn end_guest(&self, container: ContainerId, sandbox: SandboxId) -> bool {
        self.lives.hold(container, || {
            let was_there = self.read(|state| state.sandbox(sandbox).is_some());
            if was_there {
                self.undo(sandbox, &[], true);
            }
            was_there
        })
    }

    /// The guest of that id, name, reference of its runtime's, or beginning of an id.
    pub fn find_guest(&self, reference: &str) -> Result<Sandbox> {
        lookup::guest(&self.state(), reference).cloned()
    }

    /// The guest that a runtime calls that; without one as [`Daemon::find_guest`] has it.
    pub fn find_guest_of(&self, runtime: Option<&str>, reference: &str) -> Result<Sandbox> {
        match runtime {
            None => self.find_guest(reference),
            Some(runtime) => {
                let container = container_id(runtime, reference);
                let found = self.read(|state| lookup::guest_of(state, container).cloned());
                found.ok_or_else(|| Error::no_such_sandbox(reference))
            }
        }
    }

    /// Attaches a guest to one more network.
    pub(super) fn connect_guest(
        &self,
        network: &Network,
        guest: &Sandbox,
        settings: &EndpointSettings,
    ) -> Result<()> {
        may_join(network, settings)?;
        self.hold_guest(guest.container, |guest| {
            if guest.takes_interface() {
                let name = guest.guest.map_or_else(String::new, |it| it.name);
                return Err(Error::invalid(format!(
                    "sandbox {name} takes its interface from rnet itself: connect it with its own runtime"
                )));
            }
            self.connect_sandbox(guest.id, endpoint(&guest, network, settings))
        })
    }

    /// Detaches a guest from a network; it stays a guest.
    pub(super) fn disconnect_guest(&self, network: &Network, guest: &Sandbox) -> Result<()> {
        self.hold_guest(guest.container, |guest| {
            self.leave(guest.id, network.id);
            Ok(())
        })
    }

    /// Does something with a guest while nothing else of its life happens.
    pub(super) fn hold_guest<T>(
        &self,
        container: ContainerId,
        work: impl FnOnce(Sandbox) -> Result<T>,
    ) -> Result<T> {
        self.lives.hold(container, || {
            let guest = self.read(|state| lookup::guest_of(state, container).cloned());
            work(guest.ok_or_else(|| Error::no_such_sandbox(container.to_string()))?)
        })
    }
}

/// Whether the making of a guest was cut off by a crash, of which its runtime has had no answer.
pub(super) fn is_cut_off(state: &State, guest: &Sandbox) -> bool {
    let mut endpoints = state.endpoints_of(guest.id).peekable();
    endpoints.peek().is_some() && endpoints.all(|it| it.phase != Phase::Attached)
}

fn new_sandbox(
    state: &State,
    container: ContainerId,
    request: &GuestRequest,
    inode: u64,
) -> Result<Sandbox> {
    let reference = &request.reference;
    if reference.is_empty() {
        return Err(Error::invalid("a sandbox needs a name or a container id"));
    }
    if state.container(container).is_some() || lookup::guest_of(state, container).is_some() {
        let taken = format!(
            "sandbox {reference} exists already: connect it to more networks, or delete it"
        );
        return Err(Error::Conflict(taken));
    }
    let guest = Guest {
        name: request.name.clone().unwrap_or_else(|| reference.clone()),
        hostname: request.hostname.clone(),
        runtime: request.runtime.clone(),
        reference: reference.clone(),
        namespace: request.namespace.clone(),
        process: request.process,
        inode,
        holds_ports: request.holds_ports,
        created: Timestamp::now(),
        labels: BTreeMap::from_iter(request.labels.clone()),
    };
    lookup::refuse_shared_namespace(state, Some(&guest))?;
    Ok(Sandbox {
        id: SandboxId::from_bytes(random_bytes()),
        container,
        guest: Some(guest),
        dns: request.dns.clone(),
        ports: Vec::new(),
        resources: Vec::new(),
    })
}

/// The endpoints on these networks, and the families they give the guest.
fn reach(
    state: &State,
    guest: &Sandbox,
    networks: &[(String, EndpointSettings)],
) -> Result<(Vec<EndpointRequest>, Families)> {
    let mut families = Families::default();
    let mut requests = Vec::with_capacity(networks.len());
    for (name, settings) in networks {
        let network = lookup::network(state, name)?;
        may_join(network, settings)?;
        families.add(network)?;
        requests.push(endpoint(guest, network, settings));
    }
    Ok((requests, families))
}

fn endpoint(sandbox: &Sandbox, network: &Network, settings: &EndpointSettings) -> EndpointRequest {
    let guest = sandbox.guest.as_ref();
    let (name, hostname) = guest.map_or(("", ""), |it| (&it.name, &it.hostname));
    EndpointRequest {
        network: network.id,
        settings: settings.clone(),
        names: names([name, &sandbox.container.short(), hostname], settings),
        before: Vec::new(),
    }
}

fn may_join(network: &Network, settings: &EndpointSettings) -> Result<()> {
    match network.driver.as_str() {
        "host" | "null" => Err(Error::invalid(format!(
            "a sandbox cannot be connected to network {}: its namespace is its own runtime's",
            network.name
        ))),
        _ => may_have(network, settings),
    }
}

/// The number of a namespace that somebody gives us.
fn inode_of(namespace: &Path) -> Result<u64> {
    inode(namespace).map_err(|error| {
        let namespace = namespace.display();
        Error::invalid(format!("no network namespace at {namespace}: {error}"))
    })
}

/// The number of the namespace found there (namespaces(7)).
fn inode(namespace: &Path) -> io::Result<u64> {
    if !namespace.is_absolute() {
        return Err(io::Error::other("an absolute path is expected"));
    }
    Ok(fs::metadata(namespace)?.ino())
}

/// A runtime's own id where it has the form of ours, so that a container has one id everywhere.
fn container_id(runtime: &str, reference: &str) -> ContainerId {
    reference.parse().unwrap_or_else(|_| {
        let hash = Sha256::new()
            .chain_update(runtime)
            .chain_update([0])
            .chain_update(reference)
            .finalize();
        ContainerId::from_bytes(hash.into())
    })
}
