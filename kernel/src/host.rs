//! The host: what it is like, and sockets on it and in its sandboxes.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::sync::PoisonError;

use imbl::OrdSet;
use nix::sys::socket::{setsockopt, sockopt};
use rnet_model::{
    Cidr, ForeignBridge, ForeignLink, HostFacts, HostPorts, IfName, Place, PortRange, Protocol,
    SandboxId, Veth, VethPeer,
};

use crate::contract::{HeldPorts, Host, HostRoute, News, ResolverSockets, SocketKind, Watch};
use crate::error::KernelError;
use crate::netlink::Netlink;
use crate::rtnl::{EgressWatch, Listener, Route, Routes, request};
use crate::{announce, borrow, conntrack, facts, gateway_sockets, join, nft, ports};

/// The address of a sandbox's resolver (libnetwork's `resolverIPSandbox`).
const RESOLVER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 11);

/// How much of a sandbox's questions waits in its socket while nobody reads it, in bytes as the kernel counts them: a
/// question takes 768, and memory only while it waits.
const QUERIES_WAITING: usize = 1 << 20;

impl Host for Netlink {
    fn facts(&self) -> Result<HostFacts, KernelError> {
        let facts = facts::facts(&mut self.host());
        facts.map_err(|source| KernelError::List {
            what: "default routes",
            source,
        })
    }

    fn routes(&self) -> Result<OrdSet<Cidr>, KernelError> {
        self.look_at_routes(|routes| routes.destinations().clone())
    }

    fn watch_egress(&self) -> Result<Option<Box<dyn Watch>>, KernelError> {
        Ok(Some(Box::new(EgressWatch::open()?)))
    }

    fn foreign_bridge(&self, name: &IfName) -> Result<Option<ForeignBridge>, KernelError> {
        join::foreign_bridge(&mut self.host(), name)
    }

    fn foreign_link(&self, name: &IfName) -> Result<Option<ForeignLink>, KernelError> {
        borrow::foreign_link(&mut self.host(), name)
    }

    fn routes_over(&self, subnets: &[Cidr]) -> Result<Vec<HostRoute>, KernelError> {
        let over = self.look_at_routes(|routes| {
            let over = subnets.iter().flat_map(|subnet| routes.over(*subnet));
            over.cloned().collect::<Vec<_>>()
        })?;
        Ok(facts::named(over))
    }

    fn watch_routes(&self) -> Result<Option<Box<dyn News<HostRoute>>>, KernelError> {
        let listener = Listener::routes().map_err(|source| KernelError::WatchRoutes { source })?;
        Ok(Some(Box::new(listener)))
    }

    fn watch_addresses(&self) -> Result<Option<Box<dyn News<Cidr>>>, KernelError> {
        let listener = Listener::lost_addresses();
        let listener = listener.map_err(|source| KernelError::WatchAddresses { source })?;
        Ok(Some(Box::new(listener)))
    }

    fn hold_ports(
        &self,
        protocol: Protocol,
        address: Option<IpAddr>,
        ports: PortRange,
    ) -> Result<HeldPorts, KernelError> {
        ports::hold(protocol, address, ports)
    }

    fn forget_flows(&self, ports: &[HostPorts]) -> Result<(), KernelError> {
        conntrack::forget(ports).map_err(|source| KernelError::ForgetFlows { source })
    }

    fn resolver_sockets(&self, sandbox: SandboxId) -> Result<ResolverSockets, KernelError> {
        self.away(|traveller| {
            traveller.go(Place::Sandbox(sandbox))?;
            let failed = |source| KernelError::OpenResolver { sandbox, source };
            let sockets = listen().map_err(failed)?;
            let udp_port = sockets.udp.local_addr().map_err(failed)?.port();
            let tcp_port = sockets.tcp.local_addr().map_err(failed)?.port();
            nft::redirect_resolver(&nft::open()?, udp_port, tcp_port)?;
            Ok(sockets)
        })?
    }

    fn gateway_sockets(&self, bridge: &IfName, address: Ipv4Addr) -> io::Result<ResolverSockets> {
        gateway_sockets::open(bridge, address)
    }

    fn announce(&self, veth: &Veth, addresses: &[IpAddr]) -> Result<(), KernelError> {
        let VethPeer { sandbox, name, mac } = &veth.peer;
        let place = veth.peer.place();
        let failed = |source: io::Error| KernelError::Announce {
            place,
            link: name.clone(),
            source,
        };
        self.forward(&veth.name);
        let Some(sandbox) = sandbox else {
            return Ok(());
        };
        self.away(|traveller| {
            let link = traveller.enter(*sandbox)?.rtnetlink.index(name);
            let link =
                link.map_err(|refusal| failed(io::Error::from_raw_os_error(refusal.errno())))?;
            let link = link.ok_or_else(|| KernelError::NoLink {
                place,
                name: name.clone(),
            })?;
            announce::announce(link.cast_signed(), *mac, addresses).map_err(failed)
        })?
    }

    fn sockets(
        &self,
        place: Place,
        peer: SocketAddr,
        kind: SocketKind,
        count: usize,
    ) -> Result<Vec<OwnedFd>, KernelError> {
        let open = || {
            let opened = (0..count).map(|_| ports::unconnected(peer, kind));
            opened
                .collect::<io::Result<_>>()
                .map_err(|source| KernelError::OpenSocket {
                    place,
                    peer,
                    source,
                })
        };
        match place {
            Place::Host => open(),
            Place::Sandbox(_) => self.away(|traveller| {
                traveller.go(place)?;
                open()
            })?,
        }
    }
}

impl News<HostRoute> for Listener<Route> {
    fn heard(&mut self) -> Result<Option<Vec<HostRoute>>, KernelError> {
        let routes = Listener::heard(self).map_err(|source| KernelError::WatchRoutes { source })?;
        Ok(routes.map(facts::named))
    }
}

impl News<Cidr> for Listener<Cidr> {
    fn heard(&mut self) -> Result<Option<Vec<Cidr>>, KernelError> {
        Listener::heard(self).map_err(|source| KernelError::WatchAddresses { source })
    }
}

impl Netlink {
    fn look_at_routes<T>(&self, see: impl FnOnce(&Routes) -> T) -> Result<T, KernelError> {
        // a panic of another caller leaves what it looked at to be listed again
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = routes.look(&mut self.host(), see);
        seen.map_err(|source| KernelError::List {
            what: "routes",
            source,
        })
    }

    /// Lets a port forward now rather than when the kernel gets round to noticing its carrier (net/core/link_watch.c).
    fn forward(&self, port: &IfName) {
        let mut host = self.host();
        if let Ok(Some(port)) = host.index(port) {
            // a bridge that runs a spanning tree refuses: it decides by itself
            let _ = host.request(request::forward(port));
        }
    }
}

/// The resolver's sockets in the calling thread's namespace.
fn listen() -> io::Result<ResolverSockets> {
    let udp = UdpSocket::bind((RESOLVER, 0))?;
    let tcp = TcpListener::bind((RESOLVER, 0))?;
    // a hint: less than it is no reason to go without names
    let _ = setsockopt(&udp, sockopt::RcvBufForce, &QUERIES_WAITING);
    udp.set_nonblocking(true)?;
    tcp.set_nonblocking(true)?;
    Ok(ResolverSockets { udp, tcp })
}
