//! A kernel made of a list, which fails when it is told to.
//!
//! It is as strict as the real one about what must be there first: a veth needs its bridge and its sandbox, an address
//! its link, a route a link that is up and a way to its gateway. So a wrong order is found without root.

mod contract;
#[cfg(test)]
mod tests;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rnet_model::{
    Cidr, FirewallPolicy, ForeignBridge, HostFacts, HostPorts, IfName, Mtu, Place, Protocol,
    Resource, VethPeer,
};

use world::World;

/// Every hand of the daemon in one: a [`crate::Kernel`], a [`crate::Firewall`] and a [`crate::Host`] in memory.
#[derive(Debug, Default)]
pub struct FakeKernel {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    world: World,
    policy: Option<FirewallPolicy>,
    teller: Option<UnixStream>,
    facts: HostFacts,
    routes: Vec<Cidr>,
    occupied: BTreeSet<(Protocol, SocketAddr)>,
    forgotten: Vec<HostPorts>,
    last_port: u16,
    announced: Vec<(VethPeer, Vec<IpAddr>)>,
    steps: usize,
    failing_step: Option<usize>,
}

impl FakeKernel {
    /// A host with IPv6, an egress MTU of 1500 bytes and nothing else.
    pub fn new() -> Self {
        let egress_mtu = Mtu::try_from(1500).ok();
        let facts = HostFacts {
            egress_mtu,
            ipv6: true,
            bridges_filter: false,
            bridge: None,
        };
        Self {
            state: Mutex::new(State {
                facts,
                ..State::default()
            }),
        }
    }

    /// Lets the `n`th step from now on fail, counted from 1, and only that one.
    ///
    /// A step is one resource that is ensured, removed or swept, or one call of anything else.
    pub fn fail_at(&self, n: usize) {
        let mut state = self.state();
        state.failing_step = Some(state.steps + n);
    }

    /// How many steps there were, ever.
    pub fn steps(&self) -> usize {
        self.state().steps
    }

    /// Everything that exists now, in the order it was made; sysctls aside.
    pub fn resources(&self) -> Vec<Resource> {
        self.state().world.resources.clone()
    }

    /// Every sysctl that was set.
    pub fn sysctls(&self) -> BTreeMap<(Place, String), String> {
        self.state().world.sysctls.clone()
    }

    /// The policy that is applied; none where there is no table of rnet's.
    pub fn policy(&self) -> Option<FirewallPolicy> {
        self.state().policy.clone()
    }

    /// Lets somebody flush the packet filter, and whoever watches it be told.
    pub fn flush_table(&self) {
        let mut state = self.state();
        state.policy = None;
        if let Some(teller) = &mut state.teller {
            // a watch that is gone needs telling no more
            let _ = teller.write_all(b"!");
        }
    }

    /// What neighbours were told, in order.
    pub fn announced(&self) -> Vec<(VethPeer, Vec<IpAddr>)> {
        self.state().announced.clone()
    }

    /// The ports whose flows were forgotten, in order, ever.
    pub fn forgotten(&self) -> Vec<HostPorts> {
        self.state().forgotten.clone()
    }

    /// Lets a link of somebody else exist on the host.
    pub fn add_foreign_link(&self, name: IfName) {
        self.state().world.foreign.insert(name);
    }

    /// Lets a bridge of somebody else exist on the host.
    pub fn add_foreign_bridge(&self, name: IfName, bridge: ForeignBridge) {
        self.state().world.foreign_bridges.insert(name, bridge);
    }

    /// Lets a process of the host listen on a port.
    pub fn occupy_port(&self, protocol: Protocol, address: SocketAddr) {
        self.state().occupied.insert((protocol, address));
    }

    /// Lets the host be like this.
    pub fn set_facts(&self, facts: HostFacts) {
        self.state().facts = facts;
    }

    /// Lets the host have these routes.
    pub fn set_routes(&self, routes: Vec<Cidr>) {
        self.state().routes = routes;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Counts a step; whether it is the one that is to fail.
    fn step_fails(&mut self) -> bool {
        self.steps += 1;
        self.failing_step
            .take_if(|step| *step == self.steps)
            .is_some()
    }
}
