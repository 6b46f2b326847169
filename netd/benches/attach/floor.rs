//! The floor: the kernel's part of attaching one endpoint, as bare as netlink allows; no records, no decisions.

use std::fs::File;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_ECHO, NLM_F_EXCL, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{InfoData, InfoVeth, LinkAttribute};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use rnet_model::SandboxId;
use rtnetlink::{AddressMessageBuilder, LinkUnspec, LinkVeth, RouteMessageBuilder};

/// One endpoint made by hand.
pub(crate) struct Floor {
    /// The id under which rnet's hands find the namespace.
    pub(crate) sandbox: SandboxId,
    pin: PathBuf,
}

impl Floor {
    /// Makes a namespace, pins it, joins it to `bridge` by a veth, and gives it an address and a default route.
    pub(crate) fn attach(
        run_dir: &Path,
        number: u32,
        bridge: u32,
        address: Ipv4Addr,
        gateway: Ipv4Addr,
    ) -> Result<Self> {
        let mut id = [0xf1; 32];
        id[..4].copy_from_slice(&number.to_be_bytes());
        let sandbox = SandboxId::from_bytes(id);
        let pin = rnet_kernel::pin_path(run_dir, sandbox);
        let made = Self {
            sandbox,
            pin: pin.clone(),
        };
        std::thread::spawn(move || build(&pin, number, bridge, address, gateway))
            .join()
            .expect("the floor does not panic")?;
        Ok(made)
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        // the veth goes with its namespace
        let _ = umount2(&self.pin, MntFlags::MNT_DETACH);
        let _ = std::fs::remove_file(&self.pin);
    }
}

fn build(pin: &Path, number: u32, bridge: u32, address: Ipv4Addr, gateway: Ipv4Addr) -> Result<()> {
    let home = open_socket()?;
    unshare(CloneFlags::CLONE_NEWNET)?;
    File::create_new(pin)?;
    let own = Path::new("/proc/thread-self/ns/net");
    mount(Some(own), pin, None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
    let namespace = OwnedFd::from(File::open(pin)?);
    setns(&namespace, CloneFlags::CLONE_NEWNET)?;
    let inside = open_socket()?;

    let peer = LinkUnspec::new_with_name("eth0")
        .address(vec![2, 0, 0, (number >> 8) as u8, number as u8, 1])
        .setns_by_fd(namespace.as_raw_fd());
    let veth = LinkVeth::new(&format!("floor{number}"), "eth0")
        .controller(bridge)
        .set_info_data(InfoData::Veth(InfoVeth::Peer(peer.build())))
        .up()
        .build();
    let flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL | NLM_F_ECHO | NLM_F_ACK;
    let eth0 = ask(&home, vec![(RouteNetlinkMessage::NewLink(veth), flags)])?
        .context("the kernel did not tell the peer's index")?;

    std::fs::write("/proc/sys/net/ipv6/conf/eth0/disable_ipv6", "1")?;
    let up = |index| LinkUnspec::new_with_index(index).up().build();
    let cidr = AddressMessageBuilder::<Ipv4Addr>::new()
        .index(eth0)
        .address(address, 16)
        .build();
    let route = RouteMessageBuilder::<Ipv4Addr>::new()
        .gateway(gateway)
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
