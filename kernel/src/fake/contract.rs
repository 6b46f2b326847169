//! The fake's side of the contract.

use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use imbl::OrdSet;
use rnet_model::{
    Cidr, FirewallPolicy, ForeignBridge, ForeignLink, HostFacts, HostPorts, IfName, Place,
    PortRange, Protocol, Resource, SandboxId, Veth,
};

use super::{FakeKernel, State};
use crate::contract::{
    Firewall, HeldPorts, Host, HostRoute, Kernel, News, Owned, ResolverSockets, SocketKind, Watch,
};
use crate::error::KernelError;
use crate::ports;
use crate::rtnl::Refusal;

/// The first port the fake chooses (RFC 6335: the first dynamic one).
const FIRST_PORT: u16 = 49152;
/// RT_TABLE_MAIN of linux/rtnetlink.h.
const MAIN_TABLE: u32 = 254;
/// What a step fails with that was told to.
const FAILURE: i32 = libc::EIO;

impl Kernel for FakeKernel {
    fn ensure_all(&self, resources: &[Resource]) -> Result<(), KernelError> {
        let mut state = self.state();
        for resource in resources {
            if state.step_fails() {
                let resource = Box::new(resource.clone());
                return Err(KernelError::Ensure {
                    resource,
                    source: Refusal::new(FAILURE),
                });
            }
            state.world.ensure(resource)?;
        }
        Ok(())
    }

    fn remove_all(&self, resources: &[Resource]) -> Vec<KernelError> {
        let mut state = self.state();
        let mut errors = Vec::new();
        for resource in resources.iter().rev() {
            if state.step_fails() {
                let resource = Box::new(resource.clone());
                errors.push(KernelError::Remove {
                    resource,
                    source: Refusal::new(FAILURE),
                });
            } else {
                state.world.remove(resource);
            }
        }
        errors
    }

    fn owned(&self) -> Result<Vec<Owned>, KernelError> {
        let mut state = self.state();
        if state.step_fails() {
            return Err(KernelError::List {
                what: "links",
                source: Refusal::new(FAILURE),
            });
        }
        Ok(state.world.resources.iter().flat_map(Owned::of).collect())
    }

    fn sweep(&self, orphans: &[Owned]) -> Vec<KernelError> {
        let mut state = self.state();
        let mut errors = Vec::new();
        for orphan in orphans {
            let fails = state.step_fails();
            match orphan {
                Owned::Namespace(sandbox) if fails => {
                    let path = sandbox.to_string().into();
                    errors.push(KernelError::UnpinNamespace {
                        path,
                        source: failure(),
                    });
                }
                Owned::Link(name) if fails => {
                    let source = Refusal::new(FAILURE);
                    errors.push(KernelError::RemoveLink {
                        name: name.clone(),
                        source,
                    });
                }
                Owned::Namespace(sandbox) => state.world.remove_namespace(*sandbox),
                Owned::Link(name) => state.world.remove_link(name),
            }
        }
        errors
    }
}

impl Firewall for FakeKernel {
    fn apply(&self, policy: &FirewallPolicy) -> Result<(), KernelError> {
        let mut state = self.state();
        state.change_table()?;
        state.policy = Some(policy.clone());
        Ok(())
    }

    fn restore(&self, policy: &FirewallPolicy) -> Result<(), KernelError> {
        self.apply(policy)
    }

    fn remove(&self) -> Result<(), KernelError> {
        let mut state = self.state();
        state.change_table()?;
        state.policy = None;
        Ok(())
    }

    fn watch(&self) -> Result<Option<Box<dyn Watch>>, KernelError> {
        let failed = |source| KernelError::WatchNetfilter { source };
        let (teller, told) = UnixStream::pair().map_err(failed)?;
        told.set_nonblocking(true).map_err(failed)?;
        self.state().teller = Some(teller);
        Ok(Some(Box::new(FakeWatch(told))))
    }

    fn supersede(&self) -> Result<(), KernelError> {
        Ok(())
    }

    fn name(&self) -> &'static str {
        "fake"
    }
}

/// What [`FakeKernel::flush_table`] speaks to.
struct FakeWatch(UnixStream);

impl AsFd for FakeWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Watch for FakeWatch {
    fn changed(&mut self) -> Result<bool, KernelError> {
        match self.0.read(&mut [0; 64]) {
            Ok(told) => Ok(told > 0),
            Err(source) if source.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(source) => Err(KernelError::WatchNetfilter { source }),
        }
    }
}

impl Host for FakeKernel {
    fn facts(&self) -> Result<HostFacts, KernelError> {
        let mut state = self.state();
        if state.step_fails() {
            return Err(KernelError::List {
                what: "default routes",
                source: Refusal::new(FAILURE),
            });
        }
        Ok(state.facts.clone())
    }

    fn routes(&self) -> Result<OrdSet<Cidr>, KernelError> {
        let mut state = self.state();
        if state.step_fails() {
            return Err(KernelError::List {
                what: "routes",
                source: Refusal::new(FAILURE),
            });
        }
        Ok(state.routes.iter().copied().collect())
    }

    /// They leave by no link.
    fn routes_over(&self, subnets: &[Cidr]) -> Result<Vec<HostRoute>, KernelError> {
        let meets = |route: &Cidr| {
            let shares = |it: &Cidr| it.contains(route.network()) || route.contains(it.network());
            subnets.iter().any(shares)
        };
        let routes = self.routes()?.into_iter().filter(meets);
        Ok(routes
            .map(|destination| HostRoute {
                destination,
                table: MAIN_TABLE,
                link: None,
            })
            .collect())
    }

    fn watch_routes(&self) -> Result<Option<Box<dyn News<HostRoute>>>, KernelError> {
        Ok(None)
    }

    fn watch_addresses(&self) -> Result<Option<Box<dyn News<Cidr>>>, KernelError> {
        Ok(None)
    }

    /// Nobody changes it.
    fn watch_egress(&self) -> Result<Option<Box<dyn Watch>>, KernelError> {
        Ok(None)
    }

    fn foreign_bridge(&self, name: &IfName) -> Result<Option<ForeignBridge>, KernelError> {
        let mut state = self.state();
        if state.step_fails() {
            return Err(KernelError::List {
                what: "links",
                source: Refusal::new(FAILURE),
            });
        }
        state.world.foreign_bridge(name)
    }

    fn foreign_link(&self, name: &IfName) -> Result<Option<ForeignLink>, KernelError> {
        let mut state = self.state();
        if state.step_fails() {
            return Err(KernelError::List {
                what: "links",
                source: Refusal::new(FAILURE),
            });
        }
        let found = state.world.foreign.contains(name);
        Ok(found.then_some(ForeignLink {
            mac: None,
            needed: name.as_str() == "lo",
        }))
    }

    /// Nothing is bound, so two holds of a port do not collide: only a port that is occupied is refused.
    fn hold_ports(
        &self,
        protocol: Protocol,
        address: Option<IpAddr>,
        ports: PortRange,
    ) -> Result<HeldPorts, KernelError> {
        let mut state = self.state();
        let refused = |address, cause| KernelError::BindPort {
            protocol,
            address,
            cause,
        };
        if state.step_fails() {
            let address = address.unwrap_or(Ipv4Addr::UNSPECIFIED.into());
            let address = SocketAddr::new(address, ports.first());
            return Err(refused(address, failure()));
        }
        let collides = |(occupied, by): &&(Protocol, SocketAddr)| {
            *occupied == protocol
                && ports.overlaps(PortRange::one(by.port()))
                && address.is_none_or(|address| {
                    by.is_ipv4() == address.is_ipv4()
                        && (by.ip() == address
                            || by.ip().is_unspecified()
                            || address.is_unspecified())
                })
        };
        if let Some((_, by)) = state.occupied.iter().find(collides) {
            let address = address.unwrap_or(match by {
                SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
                SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
            });
            let address = SocketAddr::new(address, by.port());
            return Err(refused(address, io::ErrorKind::AddrInUse.into()));
        }
        let ports = match ports.first() {
            0 => PortRange::one(state.next_port()),
            _ => ports,
        };
        Ok(HeldPorts {
            ports,
            sockets: Arc::default(),
        })
    }

    fn forget_flows(&self, ports: &[HostPorts]) -> Result<(), KernelError> {
        let mut state = self.state();
        if state.step_fails() {
            return Err(KernelError::ForgetFlows { source: failure() });
        }
        state.forgotten.extend(ports);
        Ok(())
    }

    /// The sockets are the host's own, on 127.0.0.1.
    fn resolver_sockets(&self, sandbox: SandboxId) -> Result<ResolverSockets, KernelError> {
        let mut state = self.state();
        let failed = |source| KernelError::OpenResolver { sandbox, source };
        if state.step_fails() {
            return Err(failed(failure()));
        }
        state.world.need_namespace(sandbox)?;
        let open = || {
            let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            udp.set_nonblocking(true)?;
            tcp.set_nonblocking(true)?;
            Ok(ResolverSockets { udp, tcp })
        };
        open().map_err(failed)
    }

    /// The sockets are the host's own, on 127.0.0.1.
    fn gateway_sockets(&self, _bridge: &IfName, _address: Ipv4Addr) -> io::Result<ResolverSockets> {
        if self.state().step_fails() {
            return Err(failure());
        }
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        Ok(ResolverSockets { udp, tcp })
    }

    /// The socket is the host's own, wherever it was to be.
    /// Cannot fail, as it is nobody's step: it happens whenever it is due.
    fn announce(&self, veth: &Veth, addresses: &[IpAddr]) -> Result<(), KernelError> {
        let mut state = self.state();
        let mut inside = veth.peer.sandbox.into_iter();
        inside.try_for_each(|sandbox| state.world.need_namespace(sandbox))?;
        state
            .announced
            .push((veth.peer.clone(), addresses.to_vec()));
        Ok(())
    }

    fn sockets(
        &self,
        place: Place,
        peer: SocketAddr,
        kind: SocketKind,
        count: usize,
    ) -> Result<Vec<OwnedFd>, KernelError> {
        let mut state = self.state();
        let failed = |source| KernelError::OpenSocket {
            place,
            peer,
            source,
        };
        if state.step_fails() {
            return Err(failed(failure()));
        }
        if let Place::Sandbox(sandbox) = place {
            state.world.need_namespace(sandbox)?;
        }
        let opened = (0..count).map(|_| ports::unconnected(peer, kind));
        opened.collect::<std::io::Result<_>>().map_err(failed)
    }
}

impl State {
    fn change_table(&mut self) -> Result<(), KernelError> {
        if self.step_fails() {
            let operation = "change it".to_owned();
            return Err(KernelError::Nftables {
                operation,
                table: "rnet",
                source: failure(),
            });
        }
        Ok(())
    }

    fn next_port(&mut self) -> u16 {
        self.last_port = self
            .last_port
            .checked_add(1)
            .unwrap_or_default()
            .max(FIRST_PORT);
        self.last_port
    }
}

fn failure() -> io::Error {
    io::Error::from_raw_os_error(FAILURE)
}
