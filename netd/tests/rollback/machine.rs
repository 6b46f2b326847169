//! A fake machine and store that die together at the n-th call, as a daemon does by SIGKILL.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use imbl::OrdSet;
use netd::daemon::{Daemon, DefaultBridge, Hands, Settings};
use netd::state::{Change, State};
use netd::store::{Store, StoreError};
use rnet_kernel::fake::FakeKernel;
use rnet_kernel::{
    Firewall, HeldPorts, Host, HostRoute, Kernel, KernelError, News, Owned, ResolverSockets,
    SocketKind, Watch,
};
use rnet_model::{
    Cidr, FirewallPolicy, ForeignBridge, ForeignLink, HostFacts, HostPorts, IfName, Place,
    PortRange, Protocol, Resource, SandboxId, Veth,
};

/// Counts calls, and burns out.
#[derive(Default)]
pub(crate) struct Fuse {
    used: AtomicUsize,
    /// From this call on nothing has any effect; 0 never burns.
    burns_at: AtomicUsize,
}

impl Fuse {
    fn holds(&self) -> bool {
        let call = self.used.fetch_add(1, Ordering::SeqCst) + 1;
        let limit = self.burns_at.load(Ordering::SeqCst);
        limit == 0 || call < limit
    }

    /// Burns at the n-th call from now.
    pub(crate) fn burn_at(&self, call: usize) {
        self.used.store(0, Ordering::SeqCst);
        self.burns_at.store(call, Ordering::SeqCst);
    }

    /// How many calls there were since it was set.
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::SeqCst)
    }
}

/// What survives a daemon: the machine, and what was committed.
pub(crate) struct Machine {
    pub(crate) kernel: FakeKernel,
    pub(crate) state: Mutex<State>,
    pub(crate) fuse: Fuse,
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            kernel: FakeKernel::new(),
            state: Mutex::default(),
            fuse: Fuse::default(),
        }
    }
}

impl Machine {
    /// A new daemon over what the last one left.
    pub(crate) fn daemon(self: &Arc<Self>, directory: &std::path::Path) -> Arc<Daemon> {
        self.fuse.burn_at(0);
        let settings = Settings {
            state_dir: directory.join("state"),
            run_dir: directory.join("run"),
            pools: rnet_ipam::Pools::default(),
            default_bridge: DefaultBridge::default(),
            default_network_options: Default::default(),
            default_log: Default::default(),
            plugins: Default::default(),
            cgroup_parent: "rnet-test".to_owned(),
            registries: Default::default(),
        };
        let hands = Hands {
            kernel: self.clone(),
            firewall: self.clone(),
            host: self.clone(),
        };
        let tasks = tokio::runtime::Handle::current();
        Daemon::open(
            settings,
            hands,
            self.clone(),
            "/nonexistent/rnet-shim".into(),
            tasks,
        )
        .unwrap()
    }
}

impl Kernel for Machine {
    fn ensure_all(&self, resources: &[Resource]) -> Result<(), KernelError> {
        resources.iter().try_for_each(|resource| {
            if !self.fuse.holds() {
                return Err(dead());
            }
            self.kernel.ensure_all(std::slice::from_ref(resource))
        })
    }

    fn remove_all(&self, resources: &[Resource]) -> Vec<KernelError> {
        let remove = |resource: &Resource| match self.fuse.holds() {
            true => self.kernel.remove_all(std::slice::from_ref(resource)),
            false => vec![dead()],
        };
        resources.iter().rev().flat_map(remove).collect()
    }

    fn owned(&self) -> Result<Vec<Owned>, KernelError> {
        self.kernel.owned()
    }

    fn sweep(&self, orphans: &[Owned]) -> Vec<KernelError> {
        self.kernel.sweep(orphans)
    }
}

impl Firewall for Machine {
    fn apply(&self, policy: &FirewallPolicy) -> Result<(), KernelError> {
        if self.fuse.holds() {
            self.kernel.apply(policy)
        } else {
            Err(dead())
        }
    }

    fn restore(&self, policy: &FirewallPolicy) -> Result<(), KernelError> {
        self.apply(policy)
    }

    fn remove(&self) -> Result<(), KernelError> {
        self.kernel.remove()
    }

    fn watch(&self) -> Result<Option<Box<dyn Watch>>, KernelError> {
        self.kernel.watch()
    }

    fn supersede(&self) -> Result<(), KernelError> {
        self.kernel.supersede()
    }

    fn name(&self) -> &'static str {
        self.kernel.name()
    }
}

impl Host for Machine {
    fn facts(&self) -> Result<HostFacts, KernelError> {
        self.kernel.facts()
    }

    fn routes(&self) -> Result<OrdSet<Cidr>, KernelError> {
        self.kernel.routes()
    }

    fn routes_over(&self, subnets: &[Cidr]) -> Result<Vec<HostRoute>, KernelError> {
        self.kernel.routes_over(subnets)
    }

    fn watch_routes(&self) -> Result<Option<Box<dyn News<HostRoute>>>, KernelError> {
        self.kernel.watch_routes()
    }

    fn watch_addresses(&self) -> Result<Option<Box<dyn News<Cidr>>>, KernelError> {
        self.kernel.watch_addresses()
    }

    fn hold_ports(
        &self,
        protocol: Protocol,
        address: Option<IpAddr>,
        ports: PortRange,
    ) -> Result<HeldPorts, KernelError> {
        self.kernel.hold_ports(protocol, address, ports)
    }

    fn forget_flows(&self, ports: &[HostPorts]) -> Result<(), KernelError> {
        if self.fuse.holds() {
            self.kernel.forget_flows(ports)
        } else {
            Err(dead())
        }
    }

    fn watch_egress(&self) -> Result<Option<Box<dyn Watch>>, KernelError> {
        self.kernel.watch_egress()
    }

    fn foreign_bridge(&self, name: &IfName) -> Result<Option<ForeignBridge>, KernelError> {
        self.kernel.foreign_bridge(name)
    }

    fn foreign_link(&self, name: &IfName) -> Result<Option<ForeignLink>, KernelError> {
        if self.fuse.holds() {
            self.kernel.foreign_link(name)
        } else {
            Err(dead())
        }
    }

    fn resolver_sockets(&self, sandbox: SandboxId) -> Result<ResolverSockets, KernelError> {
        if self.fuse.holds() {
            self.kernel.resolver_sockets(sandbox)
        } else {
            Err(dead())
        }
    }

    fn gateway_sockets(&self, bridge: &IfName, address: Ipv4Addr) -> io::Result<ResolverSockets> {
        match self.fuse.holds() {
            true => self.kernel.gateway_sockets(bridge, address),
            false => Err(io::Error::other(dead())),
        }
    }

    fn announce(&self, veth: &Veth, addresses: &[IpAddr]) -> Result<(), KernelError> {
        self.kernel.announce(veth, addresses)
    }

    fn sockets(
        &self,
        place: Place,
        peer: SocketAddr,
        kind: SocketKind,
        count: usize,
    ) -> Result<Vec<OwnedFd>, KernelError> {
        self.kernel.sockets(place, peer, kind, count)
    }
}

impl Store for Machine {
    fn load(&self) -> Result<State, StoreError> {
        Ok(self.state.lock().unwrap().clone())
    }

    fn commit(&self, changes: &[Change]) -> Result<(), StoreError> {
        if !self.fuse.holds() {
            return Err(StoreError::InUse {
                path: "dead".into(),
            });
        }
        let mut state = self.state.lock().unwrap();
        changes
            .iter()
            .cloned()
            .for_each(|change| state.apply(change));
        Ok(())
    }
}

/// What a dead daemon's call would say, if anyone heard it.
fn dead() -> KernelError {
    KernelError::NoSandbox {
        sandbox: SandboxId::from_bytes([0; 32]),
    }
}
