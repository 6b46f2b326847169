//! What attaching one sandbox to a bridge costs, against the bare netlink recipe of the same steps in the same run.
//!
//! `cargo bench -p rnet-kernel --bench attach`, as root; it works in network and mount namespaces of its own.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use netlink_packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, NetlinkMessage};
use netlink_packet_route::RouteNetlinkMessage::{self, NewAddress, NewLink, NewRoute, SetLink};
use netlink_packet_route::link::{InfoData, InfoVeth};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use nix::mount::{MsFlags, mount};
use nix::net::if_::if_nametoindex;
use nix::sched::{CloneFlags, setns, unshare};
use nix::time::{ClockId, clock_gettime};
use rnet_kernel::{Host, Kernel, Netlink};
use rnet_model::{Bridge, MacAddress, Object, Resource, SandboxId, Veth, VethPeer};
use rtnetlink::{AddressMessageBuilder, LinkUnspec, LinkVeth, RouteMessageBuilder};

/// Samples of each kind, taken in turns.
const ROUNDS: u32 = 100;

fn main() {
    unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).expect("root may make namespaces");
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).expect("mounts private");
    mount(Some("bench"), "/mnt", Some("tmpfs"), MsFlags::empty(), none).expect("a run directory");
    let kernel = Netlink::open(Path::new("/mnt")).expect("rtnetlink");
    kernel.ensure_all(&bridge()).expect("a bridge");

    println!(
        "ensure_all of one endpoint against the bare recipe, in µs: min, median, p90, wall | CPU"
    );
    compare(&kernel, "1 endpoint", 0);
    let others: Vec<Resource> = (1000..1499).flat_map(endpoint).collect();
    kernel.ensure_all(&others).expect("499 endpoints");
    compare(&kernel, "500 endpoints", 2000);
    let start = Instant::now();
    assert!(kernel.remove_all(&others).is_empty());
    println!(
        "499 endpoints removed: {} µs each",
        start.elapsed().as_micros() / 499
    );
    let start = Instant::now();
    drop(kernel);
    println!("and deleted: {} ms", start.elapsed().as_millis());
}

fn compare(kernel: &Netlink, name: &str, first: u32) {
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    let (mut resolver, mut removal) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let resources = endpoint(first + 2 * round);
        ours.push(time(|| kernel.ensure_all(&resources).expect("an endpoint")));
        let Object::Namespace(sandbox) = resources[0].object else {
            unreachable!("an endpoint begins with its namespace")
        };
        resolver.push(time(|| {
            drop(kernel.resolver_sockets(sandbox).expect("sockets"))
        }));
        removal.push(time(|| assert!(kernel.remove_all(&resources).is_empty())));
        settle();
        let namespace = std::sync::Mutex::new(None);
        bare.push(time(|| {
            *namespace.lock().expect("one thread") = Some(recipe(first + 2 * round + 1))
        }));
        drop(namespace);
        settle();
    }
    println!(
        "{name}:\n  rnet    {}\n  bare    {}\n  resolver{}\n  removal {}",
        show(&ours),
        show(&bare),
        show(&resolver),
        show(&removal)
    );
}

/// Deletions under way would be measured, too.
fn settle() {
    thread::sleep(Duration::from_millis(60));
}

/// The same steps with nothing around them; the namespace lives as long as what is returned.
fn recipe(number: u32) -> File {
    let bridge = if_nametoindex("br0").expect("the bridge");
    let host = Socket::new(NETLINK_ROUTE).expect("a socket");
    let home = File::open("/proc/thread-self/ns/net").expect("home");
    let namespace = thread::spawn(|| {
        unshare(CloneFlags::CLONE_NEWNET).expect("a namespace");
        File::open("/proc/thread-self/ns/net").expect("it")
    });
    let namespace = namespace.join().expect("no panic");
    let peer = LinkUnspec::new_with_name("eth0")
        .address(mac(number).octets().to_vec())
        .mtu(1500)
        .setns_by_fd(namespace.as_raw_fd());
    let message = LinkVeth::new(&format!("veth{number}"), "eth0")
        .controller(bridge)
        .mtu(1500)
        .set_info_data(InfoData::Veth(InfoVeth::Peer(peer.build())));
    send(
        &host,
        vec![(NewLink(message.up().build()), NLM_F_CREATE | NLM_F_EXCL)],
    );
    setns(&namespace, CloneFlags::CLONE_NEWNET).expect("in");
    let inside = Socket::new(NETLINK_ROUTE).expect("a socket");
    let index = if_nametoindex("eth0").expect("the other end");
    setns(&home, CloneFlags::CLONE_NEWNET).expect("out");
    let [_, _, high, low] = number.to_be_bytes();
    let address = AddressMessageBuilder::<std::net::Ipv4Addr>::new()
        .index(index)
        .address([10, 1, high, low].into(), 16);
    let route = RouteMessageBuilder::<std::net::Ipv4Addr>::new()
        .output_interface(index)
        .gateway([10, 1, 255, 254].into());
    let up = |index| (SetLink(LinkUnspec::new_with_index(index).up().build()), 0);
    let made = NLM_F_CREATE | NLM_F_EXCL;
    send(
        &inside,
        vec![
            up(1),
            up(index),
            (NewAddress(address.build()), made),
            (NewRoute(route.build()), made),
        ],
    );
    namespace
}

fn send(socket: &Socket, messages: Vec<(RouteNetlinkMessage, u16)>) {
    let mut datagram = Vec::new();
    let count = messages.len();
    for (position, (message, flags)) in messages.into_iter().enumerate() {
        let mut message = NetlinkMessage::from(message);
        message.header.flags = NLM_F_REQUEST | flags;
        if position + 1 == count {
            message.header.flags |= NLM_F_ACK;
        }
        message.finalize();
        let start = datagram.len();
        datagram.resize(start + message.buffer_len().next_multiple_of(4), 0);
        message.serialize(&mut datagram[start..]);
    }
    socket
        .send_to(&datagram, &SocketAddr::new(0, 0), 0)
        .expect("sent");
    let mut answer = Vec::with_capacity(4096);
    socket.recv(&mut answer, 0).expect("an answer");
    assert_eq!(answer[16..20], [0; 4], "the recipe was refused");
}

fn bridge() -> Vec<Resource> {
    let link = "br0".parse().expect("a name");
    vec![
        Resource::host(Object::Bridge(Bridge {
            name: link,
            mac: mac(0),
            mtu: None,
        })),
        Resource::host(address("br0", "10.1.255.254/16")),
    ]
}

fn endpoint(number: u32) -> Vec<Resource> {
    let mut id = [7; 32];
    id[..4].copy_from_slice(&number.to_be_bytes());
    let sandbox = SandboxId::from_bytes(id);
    let [_, _, high, low] = number.to_be_bytes();
    let name = |name: &str| name.parse().expect("a name");
    let veth = Veth {
        name: name(&format!("veth{number}")),
        bridge: name("br0"),
        isolated: false,
        hairpin: false,
        mtu: Some(1500.try_into().expect("an MTU")),
        peer: VethPeer {
            sandbox,
            name: name("eth0"),
            mac: mac(number),
        },
    };
    let route = Object::Route {
        destination: "0.0.0.0/0".parse().expect("a destination"),
        gateway: Some([10, 1, 255, 254].into()),
        link: name("eth0"),
    };
    let inside = |object| Resource::sandbox(sandbox, object);
    vec![
        Resource::host(Object::Namespace(sandbox)),
        Resource::host(Object::Veth(veth)),
        inside(Object::Up(name("lo"))),
        inside(Object::Up(name("eth0"))),
        inside(address("eth0", &format!("10.1.{high}.{low}/16"))),
        inside(route),
    ]
}

fn address(link: &str, cidr: &str) -> Object {
    Object::Address {
        link: link.parse().expect("a name"),
        cidr: cidr.parse().expect("an address"),
    }
}

fn mac(number: u32) -> MacAddress {
    let [_, _, high, low] = number.to_be_bytes();
    MacAddress::local([2, 0x42, 0, 0, high, low])
}

/// Wall and CPU time of something, in µs.
fn time(work: impl FnOnce()) -> (u128, u128) {
    let cpu = || Duration::from(clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).expect("a clock"));
    let start = (Instant::now(), cpu());
    work();
    (start.0.elapsed().as_micros(), (cpu() - start.1).as_micros())
}

fn show(samples: &[(u128, u128)]) -> String {
    let column = |mut column: Vec<u128>| {
        column.sort_unstable();
        [0, 50, 90]
            .map(|percent| format!("{:6}", column[(column.len() - 1) * percent / 100]))
            .join(" ")
    };
    let (wall, cpu) = samples.iter().copied().unzip();
    format!("{}  |{}", column(wall), column(cpu))
}
