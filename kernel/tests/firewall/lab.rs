//! A host with two bridges, containers on them and a machine outside: each a network namespace, gone with the test.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use rnet_kernel::{Firewall, Iptables, IptablesVariant, KernelError, Nftables};
use rnet_model::{FirewallPolicy, HostPorts, NetworkPolicy, PortRange, Publication};

/// What enforces the policy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Backend {
    Nftables,
    IptablesNft,
    IptablesLegacy,
}

impl Backend {
    /// The firewall of the namespace the calling thread is in.
    pub(crate) fn open(self) -> Result<Box<dyn Firewall>, KernelError> {
        Ok(match self {
            Self::Nftables => Box::new(Nftables::open()?),
            Self::IptablesNft => Box::new(Iptables::open_variant(IptablesVariant::Nft)?),
            Self::IptablesLegacy => Box::new(Iptables::open_variant(IptablesVariant::Legacy)?),
        })
    }
}

/// A network namespace that lives as long as this value.
pub(crate) struct Namespace(File);

impl Namespace {
    /// A new one, with its loopback up.
    fn new() -> Self {
        let unshared = thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET).expect("root may make network namespaces");
            File::open("/proc/thread-self/ns/net").unwrap()
        });
        let namespace = Self(unshared.join().unwrap());
        namespace.ip("link set lo up");
        namespace
    }

    /// Runs something inside, on a thread of its own.
    pub(crate) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let inside = || {
            setns(&self.0, CloneFlags::CLONE_NEWNET).unwrap();
            work()
        };
        thread::scope(|scope| scope.spawn(inside).join().unwrap())
    }

    /// Runs lines of `ip` inside.
    pub(crate) fn ip(&self, lines: &str) {
        let output = self.command(&["ip", "-batch", "-"], lines);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{lines}: {complaint}");
    }

    /// What `nft` prints when it is run inside with these arguments and this input.
    pub(crate) fn nft(&self, arguments: &[&str], input: &str) -> String {
        let output = self.command(&[&["nft"], arguments].concat(), input);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "nft {arguments:?}: {complaint}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What is said to lines of shell run inside.
    pub(crate) fn shell(&self, lines: &str) -> String {
        let output = self.command(&["sh", "-ec", lines], "");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{lines}: {complaint}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Writes a variable below /proc/sys/net.
    pub(crate) fn sysctl(&self, name: &str, value: &str) {
        self.run(|| fs::write(format!("/proc/sys/net/{name}"), value).unwrap());
    }

    /// Waits until a machine on the link refuses a connection: IPv6 addresses need a moment to be heard.
    fn await_neighbour(&self, address: &str) {
        let nothing = format!("[{address}]:1").parse().unwrap();
        let refused = || {
            let refusal = TcpStream::connect_timeout(&nothing, Duration::from_millis(100));
            refusal.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
        };
        assert!(self.run(|| (0..50).any(|_| refused())), "no {address}");
    }

    fn br_netfilter(&self, value: &str) -> bool {
        let switches = ["bridge-nf-call-iptables", "bridge-nf-call-ip6tables"];
        let write = |name| fs::write(format!("/proc/sys/net/bridge/{name}"), value).is_ok();
        self.run(|| switches.iter().all(write))
    }

    fn command(&self, words: &[&str], input: &str) -> Output {
        self.run(|| {
            let mut command = Command::new(words[0]);
            command.args(&words[1..]).stdin(Stdio::piped());
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = command.spawn().unwrap();
            let mut stdin = child.stdin.take().unwrap();
            stdin.write_all(input.as_bytes()).unwrap();
            drop(stdin);
            child.wait_with_output().unwrap()
        })
    }

    fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd())
    }
}

/// `front` is 172.25.0.0/16 and fd25::/64, `back` 172.26.0.0/16 and fd26::/64; the host is 192.0.2.1 and 2001:db8::1.
pub(crate) struct Lab {
    pub(crate) host: Namespace,
    /// 192.0.2.2 and 2001:db8::2; it knows the way to the containers' subnets.
    pub(crate) outside: Namespace,
    /// 172.25.0.2 and fd25::2.
    pub(crate) c1: Namespace,
    /// 172.25.0.3 and fd25::3.
    pub(crate) c2: Namespace,
    /// 172.26.0.2 and fd26::2.
    pub(crate) c3: Namespace,
    pub(crate) firewall: Box<dyn Firewall>,
}

impl Lab {
    /// One with nftables; none, said aloud, where network namespaces cannot be made.
    pub(crate) fn new() -> Option<Self> {
        Self::with(Backend::Nftables)
    }

    /// One with a backend; none, said aloud, where network namespaces cannot be made, or its programs are missing.
    pub(crate) fn with(backend: Backend) -> Option<Self> {
        if !root() {
            eprintln!("SKIPPED: network namespaces and packet filters need root");
            return None;
        }
        hide_run();
        let host = host();
        let firewall = match host.run(|| backend.open()) {
            Err(error @ KernelError::NoIptables { .. }) => {
                eprintln!("SKIPPED: {error}");
                return None;
            }
            opened => opened.unwrap(),
        };
        let container = |bridge, subnet, number| container(&host, bridge, subnet, number);
        let lab = Self {
            outside: outside(&host),
            c1: container("br-front", 25, 2),
            c2: container("br-front", 25, 3),
            c3: container("br-back", 26, 2),
            firewall,
            host,
        };
        for address in ["2001:db8::2", "fd25::2", "fd25::3", "fd26::2"] {
            lab.host.await_neighbour(address);
        }
        Some(lab)
    }

    /// Has bridged frames pass the hooks of IP too, as hosts of Kubernetes do; false, said aloud, where that cannot be.
    pub(crate) fn use_br_netfilter(&self) -> bool {
        // what is translated on its way through a bridge may have to leave by the port it came in by
        self.host
            .ip("link set veth25-2 type bridge_slave hairpin on");
        let used = self.host.br_netfilter("1");
        if !used {
            eprintln!("SKIPPED: this kernel has no br_netfilter (or it is not loaded)");
        }
        used
    }

    pub(crate) fn apply(&self, policy: &FirewallPolicy) {
        self.firewall.apply(policy).unwrap();
    }
}

/// An empty namespace with a firewall; none, said aloud, without root or `nft`, which the test compares with.
pub(crate) fn bare_host_and_nft() -> Option<(Namespace, Nftables)> {
    let known = Command::new("nft").arg("--version").output().is_ok();
    if !known || !root() {
        eprintln!("SKIPPED: root and the nft command (Debian: nftables) are needed");
        return None;
    }
    let host = Namespace::new();
    let firewall = host.run(|| Nftables::open().unwrap());
    Some((host, firewall))
}

/// An empty namespace with a firewall; none, said aloud, without root or its programs.
pub(crate) fn bare_host(backend: Backend) -> Option<(Namespace, Box<dyn Firewall>)> {
    if !root() {
        eprintln!("SKIPPED: network namespaces and packet filters need root");
        return None;
    }
    hide_run();
    let host = Namespace::new();
    match host.run(|| backend.open()) {
        Ok(firewall) => Some((host, firewall)),
        Err(error) => {
            eprintln!("SKIPPED: {error}");
            None
        }
    }
}

/// An empty namespace beside another.
pub(crate) fn empty() -> Namespace {
    Namespace::new()
}

/// A network as Docker makes them by default.
pub(crate) fn network(bridge: &str) -> NetworkPolicy {
    NetworkPolicy::of_bridge(bridge.parse().unwrap())
}

/// Both networks by default, and these ports: `("0.0.0.0:8080", "tcp", "172.25.0.2:80")`.
pub(crate) fn policy(ports: &[(&str, &str, &str)]) -> FirewallPolicy {
    let publish = |&(socket, protocol, target): &(&str, &str, &str)| {
        let socket: std::net::SocketAddr = socket.parse().unwrap();
        let ports = HostPorts {
            protocol: protocol.parse().unwrap(),
            address: socket.ip(),
            ports: PortRange::one(socket.port()),
        };
        (ports, Publication::to(target.parse().unwrap()))
    };
    FirewallPolicy {
        networks: ["br-front", "br-back"].map(network).into_iter().collect(),
        published: ports.iter().map(publish).collect(),
        ..FirewallPolicy::default()
    }
}

/// Gives this thread, and what it starts, a /run of its own: the lock that writers of iptables share is there.
fn hide_run() {
    unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_FS).unwrap();
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
    mount(none, "/run", Some("tmpfs"), MsFlags::empty(), none).unwrap();
}

fn root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|owner| owner.uid() == 0)
}

fn host() -> Namespace {
    let host = Namespace::new();
    host.br_netfilter("0");
    host.sysctl("ipv4/ip_forward", "1");
    host.sysctl("ipv6/conf/all/forwarding", "1");
    for (bridge, subnet) in [("br-front", 25), ("br-back", 26)] {
        host.ip(&format!(
            "link add {bridge} type bridge
            addr add 172.{subnet}.0.1/16 dev {bridge}
            addr add fd{subnet}::1/64 dev {bridge} nodad
            link set {bridge} up"
        ));
        host.sysctl(&format!("ipv4/conf/{bridge}/route_localnet"), "1");
        host.sysctl(&format!("ipv4/conf/{bridge}/send_redirects"), "0");
    }
    host.sysctl("ipv4/conf/all/send_redirects", "0");
    host
}

fn outside(host: &Namespace) -> Namespace {
    let outside = Namespace::new();
    host.ip(&format!(
        "link add eth0 type veth peer name eth0 netns {}
        addr add 192.0.2.1/24 dev eth0
        addr add 2001:db8::1/64 dev eth0 nodad
        link set eth0 up",
        outside.path()
    ));
    outside.ip("addr add 192.0.2.2/24 dev eth0
        addr add 2001:db8::2/64 dev eth0 nodad
        link set eth0 up
        route add 172.16.0.0/12 via 192.0.2.1
        route add fd00::/8 via 2001:db8::1");
    outside
}

fn container(host: &Namespace, bridge: &str, subnet: u8, number: u8) -> Namespace {
    let container = Namespace::new();
    let link = format!("veth{subnet}-{number}");
    host.ip(&format!(
        "link add {link} type veth peer name eth0 netns {}
        link set {link} master {bridge} up",
        container.path()
    ));
    container.ip(&format!(
        "addr add 172.{subnet}.0.{number}/16 dev eth0
        addr add fd{subnet}::{number}/64 dev eth0 nodad
        link set eth0 up
        route add default via 172.{subnet}.0.1
        route add default via fd{subnet}::1"
    ));
    container
}
