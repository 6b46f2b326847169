//! The floor: the kernel's part of attaching one endpoint, as bare as netlink allows; no records, no decisions.

use std::collections::HashMap;
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::{Context, Result, bail};
use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_ECHO, NLM_F_EXCL, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{InfoData, InfoVeth, LinkAttribute};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use nix::net::if_::if_nametoindex;
use rnet_kernel::{Firewall, Host, Netlink, Nftables, ResolverSockets};
use rnet_model::{FirewallPolicy, HostPorts, PortRange, Protocol, Publication, SandboxId};
use rtnetlink::{AddressMessageBuilder, LinkUnspec, LinkVeth, RouteMessageBuilder};
use tempfile::TempDir;

use super::{Contestant, GATEWAY, address, host_port, lock, pins};
use crate::world::{self, World};

/// Attaches by hand. All but two steps are one netlink message or two; those are taken from rnet's own hands: the
/// resolver's sockets, and the published ports as elements of an nftables map.
pub(crate) struct Floor {
    world: World,
    bridge: u32,
    run_dir: TempDir,
    netlink: Netlink,
    firewall: Nftables,
    published: Mutex<FirewallPolicy>,
    made: Mutex<HashMap<u16, Made>>,
}

struct Made {
    pin: PathBuf,
    ports: u16,
    _resolver: ResolverSockets,
}

impl Floor {
    pub(crate) fn new() -> Result<Self> {
        let world = World::new()?;
        world.ip(&format!(
            "link add bench0 type bridge
            address add {GATEWAY}/16 dev bench0
            link set bench0 up"
        ))?;
        let run_dir = TempDir::new_in("/run")?;
        Ok(Self {
            bridge: if_nametoindex("bench0")?,
            netlink: Netlink::open(run_dir.path())?,
            firewall: Nftables::open()?,
            world,
            run_dir,
            published: Mutex::default(),
            made: Mutex::default(),
        })
    }

    /// Makes an endpoint whose ports are yet to be published; what is needed of it again is what comes back.
    fn make(&self, number: u16, ports: u16) -> Result<Made> {
        let sandbox = sandbox(number);
        let pin = rnet_kernel::pin_path(self.run_dir.path(), sandbox);
        let (home, bridge) = (open_socket()?, self.bridge);
        world::pin_and(&pin, || build(&pin, &home, number, bridge))?;
        let resolver = self.netlink.resolver_sockets(sandbox)?;
        Ok(Made {
            pin,
            ports,
            _resolver: resolver,
        })
    }

    /// Changes which ports of the host are published, by this many of one endpoint.
    fn publish(
        &self,
        number: u16,
        ports: u16,
        change: fn(&mut FirewallPolicy, HostPorts, Publication),
    ) -> Result<()> {
        let target = Publication::to((address(number), 80).into());
        let first = host_port(number);
        let mut policy = lock(&self.published);
        for port in first..first + ports {
            let ports = HostPorts {
                protocol: Protocol::Tcp,
                address: IpAddr::from(Ipv4Addr::UNSPECIFIED),
                ports: PortRange::one(port),
            };
            change(&mut policy, ports, target.clone());
        }
        Ok(self.firewall.apply(&policy)?)
    }
}

impl Contestant for Floor {
    fn name(&self) -> String {
        "floor".to_owned()
    }

    fn attach(&self, number: u16, ports: u16) -> Result<()> {
        self.world.enter()?;
        let made = self.make(number, ports)?;
        self.publish(number, ports, |policy, at, to| {
            policy.published.insert(at, to);
        })?;
        lock(&self.made).insert(number, made);
        Ok(())
    }

    fn detach(&self, number: u16) -> Result<()> {
        self.world.enter()?;
        let made = lock(&self.made)
            .remove(&number)
            .context("it was not attached")?;
        self.publish(number, made.ports, |policy, at, _| {
            policy.published.remove(&at);
        })?;
        let link = LinkUnspec::new_with_index(if_nametoindex(link(number).as_str())?).build();
        let delete = (
            RouteNetlinkMessage::DelLink(link),
            NLM_F_REQUEST | NLM_F_ACK,
        );
        ask(&open_socket()?, vec![delete])?;
        world::unpin(&made.pin)
    }

    fn objects(&self) -> Result<usize> {
        Ok(self.world.links()? + world::pinned(&pins(self.run_dir.path()))?)
    }
}

fn sandbox(number: u16) -> SandboxId {
    let mut id = [0xf1; 32];
    id[..2].copy_from_slice(&number.to_be_bytes());
    SandboxId::from_bytes(id)
}

fn link(number: u16) -> String {
    format!("floor{number}")
}

/// Joins the pinned namespace that the calling thread is in to `bridge`, through a socket at home.
fn build(pin: &Path, home: &Socket, number: u16, bridge: u32) -> Result<()> {
    let namespace = OwnedFd::from(File::open(pin)?);
    let inside = open_socket()?;

    let peer = LinkUnspec::new_with_name("eth0")
        .address(vec![2, 0, 0, (number >> 8) as u8, number as u8, 1])
        .setns_by_fd(namespace.as_raw_fd());
    let veth = LinkVeth::new(&link(number), "eth0")
        .controller(bridge)
        .set_info_data(InfoData::Veth(InfoVeth::Peer(peer.build())))
        .up()
        .build();
    let flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL | NLM_F_ECHO | NLM_F_ACK;
    let eth0 = ask(home, vec![(RouteNetlinkMessage::NewLink(veth), flags)])?
        .context("the kernel did not tell the peer's index")?;

    std::fs::write("/proc/sys/net/ipv6/conf/eth0/disable_ipv6", "1")?;
    let up = |index| LinkUnspec::new_with_index(index).up().build();
    let cidr = AddressMessageBuilder::<Ipv4Addr>::new()
        .index(eth0)
        .address(address(number), 16)
        .build();
    let route = RouteMessageBuilder::<Ipv4Addr>::new()
        .gateway(GATEWAY)
        .output_interface(eth0)
        .build();
    let make = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL;
    let batch = vec![
        (RouteNetlinkMessage::SetLink(up(1)), NLM_F_REQUEST),
        (RouteNetlinkMessage::NewAddress(cidr), make),
        (RouteNetlinkMessage::SetLink(up(eth0)), NLM_F_REQUEST),
        (RouteNetlinkMessage::NewRoute(route), make | NLM_F_ACK),
    ];
    ask(&inside, batch).map(drop)
}

fn open_socket() -> Result<Socket> {
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    Ok(socket)
}

/// Sends the messages in one datagram and reads up to the acknowledgement; the link index that came with it.
fn ask(socket: &Socket, messages: Vec<(RouteNetlinkMessage, u16)>) -> Result<Option<u32>> {
    let mut datagram = Vec::new();
    for (message, flags) in messages {
        let mut message = NetlinkMessage::from(message);
        message.header.flags = flags;
        message.finalize();
        let start = datagram.len();
        datagram.resize(start + message.buffer_len().next_multiple_of(4), 0);
        message.serialize(&mut datagram[start..]);
    }
    socket.send(&datagram, 0)?;
    let mut peer = None;
    loop {
        let (answers, _) = socket.recv_from_full()?;
        let mut rest = &answers[..];
        while !rest.is_empty() {
            let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(rest)?;
            let length = (answer.header.length as usize)
                .next_multiple_of(4)
                .min(rest.len());
            rest = &rest[length..];
            match answer.payload {
                NetlinkPayload::Error(error) if error.code.is_some() => {
                    bail!("the kernel refused: {}", error.to_io());
                }
                NetlinkPayload::Error(_) => return Ok(peer),
                NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewLink(link)) => {
                    peer = link
                        .attributes
                        .iter()
                        .find_map(|attribute| match attribute {
                            LinkAttribute::Link(index) => Some(*index),
                            _ => None,
                        });
                }
                _ => {}
            }
        }
    }
}
