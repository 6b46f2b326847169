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
use rustix::process::{Pid, PidfdFlags, pidfd_open};
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
        self.lives.hold(container, || {
            let sandbox = self.read(|state| new_sandbox(state, container, &request))?;
            let (id, reach) = (
                sandbox.id,
                self.read(|state| reach(state, &sandbox, &request)),
            );
            let (requests, families) = reach?;
            let wanted = PortRequest::parse(request.port_bindings.as_ref(), Some(&request.labels))?;
            let wanted = wanted.into_iter().map(|it| PortRequest {
                held_by_client: request.holds_ports,
                ..it
            });
            let wanted = self.bound(wanted.collect(), requests.iter().map(|it| it.network))?;
            self.publish_sandbox(sandbox, &requests, &wanted, families)?;
            self.watch_guest(container, request.process);
            let made = self.read(|state| state.sandbox(id).cloned());
            made.ok_or_else(|| no_such_guest(&request.reference))
        })
    }

    /// Removes a guest from all its networks, or its interface of that name alone; a guest goes with its last.
    ///
    /// An interface it does not have is no error.
    pub fn delete_guest(&self, reference: &str, interface: Option<&str>) -> Result<()> {
        let container = self.find_guest(reference)?.container;
        self.lives.hold(container, || {
            // it may have gone while this waited for its turn
            let Ok(guest) = self.find_guest(&container.to_string()) else {
                return Ok(());
            };
            let (going, staying): (Vec<_>, Vec<_>) = self.read(|state| {
                let endpoints = state.endpoints_of(guest.id);
                let all = endpoints.map(|it| (it.id, it.ifname.clone()));
                all.partition(|(_, name)| interface.is_none_or(|it| it == name.as_str()))
            });
            let going: Vec<_> = going.into_iter().map(|(id, _)| id).collect();
            self.undo(guest.id, &going, staying.is_empty());
            Ok(())
        })
    }

    /// Removes the guests whose namespace is gone; their names.
    pub fn prune_guests(&self) -> Vec<String> {
        let left = self.left_guests().into_iter();
        let removed = left.filter(|(sandbox, _)| {
            self.delete_guest(&sandbox.container.to_string(), None)
                .is_ok()
        });
        removed.map(|(_, guest)| guest.name).collect()
    }

    /// The guests whose namespace is gone.
    pub(super) fn left_guests(&self) -> Vec<(Sandbox, Guest)> {
        let mut guests: Vec<_> = self.read(|state| {
            let guests = state.sandboxes();
            let guests = guests.filter_map(|it| Some((it.clone(), it.guest.clone()?)));
            guests.collect()
        });
        guests.retain(|(_, guest)| {
            let namespace = guest.namespace.as_deref();
            namespace.is_some_and(|it| !inode(it).is_ok_and(|it| it == guest.inode))
        });
        guests
    }

    /// Removes a guest when its process ends, which may be now.
    pub(super) fn watch_guest(self: &Arc<Self>, container: ContainerId, process: Option<u32>) {
        let process = process.and_then(|it| Pid::from_raw(i32::try_from(it).ok()?));
        let Some(process) = process else { return };
        let daemon = Arc::clone(self);
        // a process that is gone has no descriptor
        let ended = pidfd_open(process, PidfdFlags::empty()).map_err(io::Error::from);
        self.tasks.spawn(async move {
            match ended.and_then(|it| watched(it, Interest::READABLE)) {
                Ok(ended) => drop(ended.readable().await),
                Err(error) => {
                    tracing::debug!(container = container.short(), "not watched: {error}");
                }
            }
            let delete = move || daemon.delete_guest(&container.to_string(), None);
            // it may have been deleted before
            let _ = tokio::task::spawn_blocking(delete).await;
        });
    }

    /// Watches the guests that outlived the last daemon.
    pub(super) fn watch_guests(self: &Arc<Self>) {
        let guests: Vec<_> = self.read(|state| {
            let guests = state.sandboxes();
            let guests = guests.filter_map(|it| Some((it.container, it.guest.as_ref()?.process)));
            guests.collect()
        });
        for (container, process) in guests {
            self.watch_guest(container, process);
        }
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
                found.ok_or_else(|| no_such_guest(reference))
            }
        }
    }

    /// Attaches a guest to one more network.
    pub(super) fn connect_guest(
        &self,
        network: &Network,
        reference: &str,
        settings: &EndpointSettings,
    ) -> Result<()> {
        let container = self.find_guest(reference)?.container;
        self.lives.hold(container, || {
            let guest = self.find_guest(&container.to_string())?;
            may_join(network, settings)?;
            if guest.takes_interface() {
                return Err(Error::invalid(format!(
                    "sandbox {reference} takes its interface from rnet itself: connect it with its own runtime"
                )));
            }
            let hostname = "";
            self.connect_sandbox(guest.id, endpoint(&guest, network, hostname, settings))
        })
    }

    /// Detaches a guest from a network; it stays a guest.
    pub(super) fn disconnect_guest(&self, network: &Network, reference: &str) -> Result<()> {
        let container = self.find_guest(reference)?.container;
        self.lives.hold(container, || {
            let guest = self.find_guest(&container.to_string())?;
            self.leave(guest.id, network.id);
            Ok(())
        })
    }
}

/// Whether the making of a guest was cut off by a crash, of which its runtime has had no answer.
pub(super) fn is_cut_off(state: &State, guest: &Sandbox) -> bool {
    let mut endpoints = state.endpoints_of(guest.id).peekable();
    endpoints.peek().is_some() && endpoints.all(|it| it.phase != Phase::Attached)
}

fn new_sandbox(state: &State, container: ContainerId, request: &GuestRequest) -> Result<Sandbox> {
    let GuestRequest {
        reference,
        namespace,
        ..
    } = request;
    if reference.is_empty() {
        return Err(Error::invalid("a sandbox needs a name or a container id"));
    }
    if state.container(container).is_some() || lookup::guest_of(state, container).is_some() {
        let taken = format!(
            "sandbox {reference} exists already: connect it to more networks, or delete it"
        );
        return Err(Error::Conflict(taken));
    }
    let inode = match namespace {
        Some(namespace) => own_inode(state, namespace)?,
        None => 0,
    };
    Ok(Sandbox {
        id: SandboxId::from_bytes(random_bytes()),
        container,
        guest: Some(Guest {
            name: request.name.clone().unwrap_or_else(|| reference.clone()),
            runtime: request.runtime.clone(),
            reference: reference.clone(),
            namespace: namespace.clone(),
            process: request.process,
            inode,
            holds_ports: request.holds_ports,
            created: Timestamp::now(),
            labels: BTreeMap::from_iter(request.labels.clone()),
        }),
        dns: request.dns.clone(),
        ports: Vec::new(),
        resources: Vec::new(),
    })
}

/// The number of a namespace that no other guest lives in.
fn own_inode(state: &State, namespace: &Path) -> Result<u64> {
    let inode = inode(namespace).map_err(|error| {
        let namespace = namespace.display();
        Error::invalid(format!("no network namespace at {namespace}: {error}"))
    })?;
    let mut guests = state.sandboxes().filter_map(|it| it.guest.as_ref());
    match guests.find(|it| it.inode == inode) {
        None => Ok(inode),
        Some(other) => Err(Error::Conflict(format!(
            "network namespace {} is that of sandbox {} already",
            namespace.display(),
            other.name
        ))),
    }
}

/// The endpoints asked for, and the families they give the guest.
fn reach(
    state: &State,
    guest: &Sandbox,
    request: &GuestRequest,
) -> Result<(Vec<EndpointRequest>, Families)> {
    let mut families = Families::default();
    let mut requests = Vec::with_capacity(request.networks.len());
    for (name, settings) in &request.networks {
        let network = lookup::network(state, name)?;
        may_join(network, settings)?;
        families.add(network)?;
        requests.push(endpoint(guest, network, &request.hostname, settings));
    }
    Ok((requests, families))
}

fn endpoint(
    sandbox: &Sandbox,
    network: &Network,
    hostname: &str,
    settings: &EndpointSettings,
) -> EndpointRequest {
    let name = sandbox.guest.as_ref().map_or("", |it| it.name.as_str());
    let own = [name, &sandbox.container.short(), hostname];
    EndpointRequest {
        network: network.id,
        settings: settings.clone(),
        names: names(own, settings),
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

pub(super) fn no_such_guest(reference: &str) -> Error {
    Error::NotFound {
        kind: "sandbox",
        reference: reference.to_owned(),
    }
}
