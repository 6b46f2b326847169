//! What the daemon may ask of the machine it runs on.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use imbl::OrdSet;
use rnet_model::{
    Cidr, FirewallPolicy, ForeignBridge, ForeignLink, HostFacts, HostPorts, IfName, Object, Place,
    PortRange, Protocol, Resource, SandboxId, Veth,
};

use crate::KernelError;

/// Makes kernel resources exist, and cease to.
///
/// **Contract:** every call is idempotent and safe from any thread. What is made carries rnet's mark; what does
/// not carry it is never changed or removed: a foreign object in the way is an error.
pub trait Kernel: Send + Sync {
    /// Makes all of `resources` exist, in their order, with as few messages as possible.
    ///
    /// Stops at the first failure and leaves what was made: the caller removes what it recorded.
    fn ensure_all(&self, resources: &[Resource]) -> Result<(), KernelError>;

    /// Makes none of `resources` exist, in reverse order; what is absent already is a success.
    ///
    /// Never stops at a failure. Links leave at once but the kernel's slow part of deleting them (RCU grace
    /// periods, 10–20 ms) happens after this returns, many at a time.
    fn remove_all(&self, resources: &[Resource]) -> Vec<KernelError>;

    /// Everything that carries rnet's mark, recorded or not.
    fn owned(&self) -> Result<Vec<Owned>, KernelError>;

    /// Removes marked objects nobody recorded; the same promises as [`Kernel::remove_all`].
    fn sweep(&self, orphans: &[Owned]) -> Vec<KernelError>;
}

/// Makes the host's packet filter equal to a policy.
///
/// **Contract:** after `apply` returns, rnet's table equals the policy; it gets there in one transaction, so no
/// packet ever meets a half of it. Tables of others are never touched.
pub trait Firewall: Send + Sync {
    /// Makes rnet's table equal to `policy`, whatever it was before.
    fn apply(&self, policy: &FirewallPolicy) -> Result<(), KernelError>;

    /// The same, trusting nothing that is remembered of the table.
    fn restore(&self, policy: &FirewallPolicy) -> Result<(), KernelError>;

    /// Removes rnet's table.
    fn remove(&self) -> Result<(), KernelError>;

    /// Watches for changes that others make to what is rnet's; none where they cannot be noticed.
    fn watch(&self) -> Result<Option<Box<dyn Watch>>, KernelError>;

    /// Removes what rnet's other backends left on this host: to be called once the rules of this one stand.
    fn supersede(&self) -> Result<(), KernelError>;

    /// What it is called, in the words of `netd --firewall`.
    fn name(&self) -> &'static str;
}

/// Tells of changes that others made.
///
/// **Contract:** its descriptor is readable while there may be something to tell. What rnet changes itself is not told.
pub trait Watch: AsFd + Send {
    /// Whether anything was changed since the last call; never blocks.
    fn changed(&mut self) -> Result<bool, KernelError>;
}

/// Looks at the host, and opens sockets where they are needed.
pub trait Host: Send + Sync {
    /// What drivers may know.
    fn facts(&self) -> Result<HostFacts, KernelError>;

    /// Watches for changes of the way out of the host: its route, its link, the MTU of that.
    fn watch_egress(&self) -> Result<Option<Box<dyn Watch>>, KernelError>;

    /// The bridge of that name that rnet did not make; none where there is no such link, or rnet made it.
    ///
    /// A link of that name that is no bridge is an error.
    fn foreign_bridge(&self, name: &IfName) -> Result<Option<ForeignBridge>, KernelError>;

    /// The link of that name on the host; none where there is no such link, an error where it is rnet's.
    fn foreign_link(&self, name: &IfName) -> Result<Option<ForeignLink>, KernelError>;

    /// The destinations of every route of every table of the host, the default routes left out.
    ///
    /// All routes there are when this is called, at the cost of those that changed since the last call.
    fn routes(&self) -> Result<OrdSet<Cidr>, KernelError>;

    /// The routes of others, of every table, that share addresses with any of `subnets`; the default routes, and those
    /// of addresses that no network can have, left out.
    fn routes_over(&self, subnets: &[Cidr]) -> Result<Vec<HostRoute>, KernelError>;

    /// Listens to routes of [`Host::routes_over`]'s kind that come from now on, wherever they lead; none where they
    /// cannot be heard of.
    fn watch_routes(&self) -> Result<Option<Box<dyn News<HostRoute>>>, KernelError>;

    /// Listens to addresses that the host's links lose from now on, whoever takes them; none where they cannot be
    /// heard of.
    fn watch_addresses(&self) -> Result<Option<Box<dyn News<Cidr>>>, KernelError>;

    /// Holds ports of the host, all or none, so that no process can bind them and one that did is found out.
    ///
    /// No address stands for every one of both families. The one port 0 lets the kernel choose; what is held tells which
    /// it chose. Each port takes one open file and about 4 kB of the kernel's memory.
    fn hold_ports(
        &self,
        protocol: Protocol,
        address: Option<IpAddr>,
        ports: PortRange,
    ) -> Result<HeldPorts, KernelError>;

    /// Forgets the flows of datagrams that were first sent to these ports of the host, so that the next datagram of
    /// each goes where the ports lead now; where the address is unspecified, to any address of the host's.
    ///
    /// For UDP and SCTP: a TCP connection belongs to the two programs that made it, and is left alone.
    fn forget_flows(&self, ports: &[HostPorts]) -> Result<(), KernelError>;

    /// Opens the sockets of a sandbox's resolver on 127.0.0.11, on ports the kernel chooses, and leads
    /// 127.0.0.11:53 of that sandbox to them; an earlier lead is replaced.
    fn resolver_sockets(&self, sandbox: SandboxId) -> Result<ResolverSockets, KernelError>;

    /// Opens the sockets of a resolver on port 53 of an address of the host's, for what comes in by a bridge alone.
    fn gateway_sockets(&self, bridge: &IfName, address: Ipv4Addr) -> io::Result<ResolverSockets>;

    /// Tells the neighbours of a sandbox's link once which hardware address these addresses have.
    ///
    /// Its port of the bridge forwards from then on, where the bridge leaves that to others. Of a link that is offered
    /// to another runtime nothing is told: it is not in its place yet.
    fn announce(&self, veth: &Veth, addresses: &[IpAddr]) -> Result<(), KernelError>;

    /// Unconnected sockets in `place`, of the family of `peer`, as many as `count`.
    ///
    /// In a sandbox many cost little more than one: a thread goes there for them.
    fn sockets(
        &self,
        place: Place,
        peer: SocketAddr,
        kind: SocketKind,
        count: usize,
    ) -> Result<Vec<OwnedFd>, KernelError>;
}

/// Tells what happens on the host.
///
/// **Contract:** its descriptor is readable while there may be something to tell.
pub trait News<T>: AsFd + Send {
    /// What happened since the last call; none if it was too much to tell. Never blocks.
    fn heard(&mut self) -> Result<Option<Vec<T>>, KernelError>;
}

/// A route of the host that rnet did not ask for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct HostRoute {
    /// Where it leads.
    pub destination: Cidr,
    /// The number of its table; 254 is the main one.
    pub table: u32,
    /// The link it leaves by; none if there are several, or nothing leaves.
    pub link: Option<IfName>,
}

/// Whether a socket carries datagrams or a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SocketKind {
    /// UDP.
    Datagram,
    /// TCP.
    Stream,
}

/// Ports of the host that are held until the last copy of this is dropped.
#[derive(Clone, Debug)]
pub struct HeldPorts {
    /// The ports that are held.
    pub ports: PortRange,
    /// The bound, non-blocking sockets that hold them, in step with `ports`; none in a fake, and none where the kernel
    /// does not know the protocol, for then no process can bind them either.
    pub sockets: Arc<[OwnedFd]>,
}

/// The sockets a sandbox's resolver answers on.
#[derive(Debug)]
pub struct ResolverSockets {
    /// For queries in datagrams; non-blocking.
    pub udp: UdpSocket,
    /// For queries over TCP; non-blocking.
    pub tcp: TcpListener,
}

/// The identity of an object that carries rnet's mark.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Owned {
    /// A pinned network namespace.
    Namespace(SandboxId),
    /// A link in the host's namespace.
    Link(IfName),
}

impl Owned {
    /// What of a resource carries rnet's mark itself; nothing for what goes with its link or namespace.
    pub fn of(resource: &Resource) -> impl Iterator<Item = Self> + use<> {
        let link = |name: &IfName| Some(Self::Link(name.clone()));
        let marked = match (&resource.place, &resource.object) {
            (_, Object::Namespace(sandbox) | Object::GuestNamespace { sandbox, .. }) => {
                [Some(Self::Namespace(*sandbox)), None]
            }
            (Place::Host, Object::Bridge(bridge)) => [link(&bridge.name), None],
            (Place::Host, Object::Veth(veth)) => {
                let offered = Some(&veth.peer).filter(|peer| peer.place() == Place::Host);
                [link(&veth.name), offered.and_then(|peer| link(&peer.name))]
            }
            (Place::Host, Object::Intake(intake)) => [link(&intake.name), None],
            (Place::Host, Object::Patch(patch)) => [link(&patch.near.name), link(&patch.far.name)],
            _ => [None, None],
        };
        marked.into_iter().flatten()
    }
}
