//! A host of its own for each test: a thread in new network and mount namespaces, gone with the test.

use std::collections::BTreeSet;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{fs, thread};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use rnet_kernel::{Kernel, Netlink, pin_path};
use rnet_model::{Bridge, IfName, MacAddress, Object, Resource, SandboxId, Veth, VethPeer};

/// Covered by a tmpfs in each test's own mount namespace.
const RUN_DIR: &str = "/mnt";

/// A host with nothing but a loopback.
pub(crate) struct Lab {
    pub(crate) kernel: Netlink,
}

/// Runs a test on a host of its own and checks that it leaves nothing; skips it, aloud, without root.
pub(crate) fn lab(test: impl FnOnce(&Lab) + Send) {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIPPED: network namespaces need root");
        return;
    }
    let run = || {
        unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).unwrap();
        let none = None::<&str>;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
        mount(Some("lab"), RUN_DIR, Some("tmpfs"), MsFlags::empty(), none).unwrap();
        let kernel = Netlink::open(Path::new(RUN_DIR)).unwrap();
        test(&Lab { kernel });
    };
    thread::scope(|scope| {
        if let Err(panic) = scope.spawn(run).join() {
            std::panic::resume_unwind(panic);
        }
    });
}

impl Lab {
    /// A bridge `br0` with 10.1.0.1/16 and fd10::1/64, up.
    pub(crate) fn bridge(&self) -> Vec<Resource> {
        let bridge = bridge("br0", mac(1));
        let resources = vec![
            bridge,
            Resource::host(address("br0", "10.1.0.1/16")),
            Resource::host(address("br0", "fd10::1/64")),
        ];
        self.ensure(&resources);
        resources
    }

    pub(crate) fn ensure(&self, resources: &[Resource]) {
        self.kernel.ensure_all(resources).unwrap();
    }

    pub(crate) fn remove(&self, resources: &[Resource]) {
        let errors = self.kernel.remove_all(resources);
        assert!(errors.is_empty(), "{errors:?}");
    }

    /// Runs `ip` on the host.
    pub(crate) fn ip(&self, arguments: &str) -> String {
        run("ip", arguments)
    }

    /// Runs lines of `ip` on the host.
    pub(crate) fn ip_batch(&self, lines: &str) {
        let file = format!("{RUN_DIR}/batch");
        fs::write(&file, lines).unwrap();
        self.ip(&format!("-batch {file}"));
    }

    /// The same kernel for someone who knows nothing of it yet.
    pub(crate) fn kernel_anew(&self) -> Netlink {
        Netlink::open(Path::new(RUN_DIR)).unwrap()
    }

    /// Runs `ip` in a sandbox.
    pub(crate) fn ip_in(&self, sandbox: SandboxId, arguments: &str) -> String {
        self.within(sandbox, || run("ip", arguments))
    }

    /// Runs something on a thread in a sandbox.
    pub(crate) fn within<T: Send>(&self, sandbox: SandboxId, work: impl FnOnce() -> T + Send) -> T {
        let namespace = fs::File::open(pin(sandbox)).unwrap();
        let inside = || {
            setns(&namespace, CloneFlags::CLONE_NEWNET).unwrap();
            work()
        };
        thread::scope(|scope| scope.spawn(inside).join().unwrap())
    }

    /// The names of the host's links.
    pub(crate) fn links(&self) -> BTreeSet<String> {
        let output = self.ip("-brief link show");
        let names = output
            .lines()
            .filter_map(|line| line.split([' ', '@']).next());
        names.map(str::to_owned).collect()
    }

    /// Waits until the host has no link but its loopback, and no namespace is pinned.
    pub(crate) fn is_empty_soon(&self) {
        eventually("only the loopback is left", || {
            self.links() == BTreeSet::from(["lo".to_owned()])
        });
        assert!(pins().is_empty(), "{:?}", pins());
    }

    /// Whether datagrams get from one sandbox to an address in another.
    ///
    /// The first may be lost: a bridge forwards to a port once a worker of the kernel has noticed its carrier, and a
    /// question for a neighbour that was lost is asked again after a second.
    pub(crate) fn reaches(&self, from: SandboxId, to: SandboxId, address: &str) -> bool {
        let address: SocketAddr = address.parse().unwrap();
        let server = self.within(to, || UdpSocket::bind(address).unwrap());
        server
            .set_read_timeout(Some(Duration::from_millis(100)))
            .unwrap();
        let any = if address.is_ipv4() {
            "0.0.0.0:0"
        } else {
            "[::]:0"
        };
        let client = self.within(from, || UdpSocket::bind(any).unwrap());
        (0..25)
            .any(|_| client.send_to(b"hello", address).is_ok() && server.recv(&mut [0; 8]).is_ok())
    }
}

/// What is in the directory of the pins.
pub(crate) fn pins() -> Vec<PathBuf> {
    fs::read_dir(Path::new(RUN_DIR).join("netns"))
        .unwrap()
        .map(|it| it.unwrap().path())
        .collect()
}

/// Where a sandbox is pinned.
pub(crate) fn pin(sandbox: SandboxId) -> PathBuf {
    pin_path(Path::new(RUN_DIR), sandbox)
}

/// A new sandbox's id.
pub(crate) fn sandbox() -> SandboxId {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut bytes = [0xab; 32];
    bytes[..8].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    SandboxId::from_bytes(bytes)
}

/// What a sandbox with one endpoint stands on: `eth0` with 10.1.0.`number`/16 and fd10::`number`/64.
pub(crate) fn endpoint(sandbox: SandboxId, number: u8) -> Vec<Resource> {
    let inside = |object| Resource::sandbox(sandbox, object);
    vec![
        Resource::host(Object::Namespace(sandbox)),
        veth(sandbox, number, "eth0"),
        inside(up("lo")),
        inside(up("eth0")),
        inside(address("eth0", &format!("10.1.0.{number}/16"))),
        inside(address("eth0", &format!("fd10::{number:x}/64"))),
        inside(route("0.0.0.0/0", Some("10.1.0.1"), "eth0")),
    ]
}

pub(crate) fn veth(sandbox: SandboxId, number: u8, ifname: &str) -> Resource {
    Resource::host(Object::Veth(Veth {
        name: name(&format!("veth{number}")),
        bridge: name("br0"),
        isolated: false,
        hairpin: false,
        mtu: Some(1400.try_into().unwrap()),
        peer: VethPeer {
            sandbox: Some(sandbox),
            name: name(ifname),
            mac: mac(number),
        },
    }))
}

pub(crate) fn bridge(link: &str, mac: MacAddress) -> Resource {
    Resource::host(Object::Bridge(Bridge {
        name: name(link),
        mac,
        mtu: None,
    }))
}

pub(crate) fn up(link: &str) -> Object {
    Object::Up(name(link))
}

pub(crate) fn address(link: &str, cidr: &str) -> Object {
    Object::Address {
        link: name(link),
        cidr: cidr.parse().unwrap(),
    }
}

pub(crate) fn route(destination: &str, gateway: Option<&str>, link: &str) -> Object {
    Object::Route {
        destination: destination.parse().unwrap(),
        gateway: gateway.map(|gateway| gateway.parse().unwrap()),
        link: name(link),
    }
}

pub(crate) fn mac(number: u8) -> MacAddress {
    MacAddress::local([2, 0x42, 10, 1, 0, number])
}

pub(crate) fn name(link: &str) -> IfName {
    link.parse().unwrap()
}

/// Waits for something that the kernel does in its own time.
pub(crate) fn eventually(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}: not within 20 s");
        thread::sleep(Duration::from_millis(5));
    }
}

fn run(program: &str, arguments: &str) -> String {
    let output = Command::new(program)
        .args(arguments.split(' '))
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{program} {arguments}: {complaint}"
    );
    String::from_utf8(output.stdout).unwrap()
}
