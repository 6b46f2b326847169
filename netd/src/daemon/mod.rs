//! The daemon: decides, records, drives.
//!
//! It is synchronous: every method may block on the kernel and is called from threads that may (the API runs them
//! on blocking threads). `state` is held for moments only, never across a kernel call.

mod alter;
mod announce;
mod attach;
mod conflicts;
mod container;
mod exec;
mod follow;
mod gateway_names;
mod guest;
mod health;
mod hold;
mod image;
pub mod instruction;
mod interface;
mod lookup;
mod network;
mod offered;
mod open;
mod plugins;
mod ports;
mod reconcile;
mod resolve;
mod rest;
mod resume;
mod streams;
mod subnets;
mod undo;
mod volume;
mod watch;

pub use alter::{GuestChange, InterfaceChange};
pub use attach::EndpointRequest;
pub use conflicts::Conflict;
pub use container::{
    CommitRequest, ContainerRequest, Counters, Exit, ExitWatch, LogDefaults, Restarts, Sample,
    Sizes, WaitCondition, check_log, endpoint_settings,
};
pub use exec::{Exec, Progress};
pub use guest::GuestRequest;
pub use network::{DefaultBridge, DefaultSubnet, NetworkRequest};
pub use ports::container_port;
pub use reconcile::Report;
pub use resolve::dns_config;
pub use streams::Attachment;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rnet_ipam::Pools;
use rnet_kernel::{Firewall, Host, Kernel};
use rnet_model::NetworkId;
use rnet_registry::Reach;
use rnet_runtime_glue::Runtime;
use rnet_runtime_glue::image::ImageStore;
use tokio::runtime::Handle;

use crate::error::Result;
use crate::event::Events;
use crate::remote::{PluginSettings, Plugins};
use crate::state::{Change, State};
use crate::store::Store;
use crate::transfer::Layers;

/// What the daemon acts through: the machine, or a fake of it.
#[derive(Clone)]
pub struct Hands {
    /// Links, addresses, routes, namespaces.
    pub kernel: Arc<dyn Kernel>,
    /// The packet filter.
    pub firewall: Arc<dyn Firewall>,
    /// Facts, ports and sockets of the host.
    pub host: Arc<dyn Host>,
}

/// What the daemon is told once, at its start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where what survives a reboot is kept.
    pub state_dir: PathBuf,
    /// Where what dies with the machine's uptime is kept.
    pub run_dir: PathBuf,
    /// Where automatic subnets come from.
    pub pools: Pools,
    /// The predefined network `bridge`.
    pub default_bridge: DefaultBridge,
    /// Options that every new network of a driver gets unless it has them: by driver, then by label.
    pub default_network_options: BTreeMap<String, BTreeMap<String, String>>,
    /// How the output of containers is kept that say nothing of it.
    pub default_log: LogDefaults,
    /// Where plugins of others are, and how long they are waited for.
    pub plugins: PluginSettings,
    /// The cgroup that those of the containers are in, below the root of each hierarchy.
    pub cgroup_parent: String,
    /// How registries of images are reached.
    pub registries: Reach,
}

/// The daemon.
pub struct Daemon {
    settings: Settings,
    hands: Hands,
    store: Arc<dyn Store>,
    state: Mutex<State>,
    /// Serialises the making and removing of networks.
    networks: Mutex<()>,
    /// Serialises the making and removing of volumes.
    volumes: Mutex<()>,
    /// Networks that a route of others led into since the daemon started, whether it lasts or not.
    conflicting: Mutex<BTreeSet<NetworkId>>,
    /// What the host reaches by its routes, as far as it was looked at.
    reached: Mutex<subnets::Reached>,
    /// Serialises policies on their way to the firewall: a later one is never overtaken by an earlier one.
    protecting: Mutex<()>,
    /// Serialises what sandboxes see on its way to the resolver: a later view is never overtaken by an earlier one.
    naming: Mutex<()>,
    /// One lock a container, for what changes its life.
    lives: hold::Holds,
    ports: ports::Ports,
    /// Programs run beside the containers' own.
    execs: exec::Execs,
    /// What is known of the health of containers that run.
    healths: health::Checks,
    /// Clients that share the streams of containers yet to start.
    waiters: streams::Waiters,
    announcers: announce::Announcers,
    resolver: resolve::Names,
    images: ImageStore,
    /// Layers on their way here.
    layers: Layers,
    runtime: Runtime,
    /// Plugins of others.
    plugins: Plugins,
    /// What plugins have yet to be told.
    owing: plugins::Owing,
    events: Events,
    tasks: Handle,
}

impl Daemon {
    /// Looks at the state, for as long as `look` takes: it must not block.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state())
    }

    /// The images containers are made from.
    pub fn images(&self) -> &ImageStore {
        &self.images
    }

    /// Layers on their way here.
    pub fn layers(&self) -> &Layers {
        &self.layers
    }

    /// The bundled runtime.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// What happens from now on.
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// What the daemon was told at its start.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What the packet filter's backend is called.
    pub fn firewall(&self) -> &'static str {
        self.hands.firewall.name()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // a panic while the lock is held leaves whole changes only: `apply` is the one way to change it
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes changes last, then takes them: memory never knows what the store does not.
    fn commit(&self, state: &mut State, changes: Vec<Change>) -> Result<()> {
        self.store.commit(&changes)?;
        changes.into_iter().for_each(|change| state.apply(change));
        Ok(())
    }
}

/// Bytes nobody can foresee: ids, hardware addresses.
fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the kernel's random source is ready once user space runs");
    bytes
}
