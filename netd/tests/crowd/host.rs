//! A host of its own for a test: a thread in new namespaces, with a daemon over the real kernel.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use netd::daemon::{Daemon, DefaultBridge, EndpointRequest, Hands, NetworkRequest, Settings};
use netd::store::Durable;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use rnet_ipam::SubnetRequest;
use rnet_kernel::{Netlink, Nftables, pin_path};
use rnet_model::{
    ContainerId, DnsConfig, EndpointSettings, Network, NetworkId, Object, Resource, Sandbox,
    SandboxId,
};
use tokio::runtime::Runtime;

/// Covered by a tmpfs in the test's own mount namespace.
const ROOT: &str = "/mnt";
const SUBNETS: [&str; 2] = ["10.60.0.0/16", "fd60::/64"];
const PORT: u16 = 7000;

/// A daemon with one network, `crowd`, of both families.
pub(crate) struct CrowdedHost {
    daemon: Option<Arc<Daemon>>,
    network: NetworkId,
    tasks: Runtime,
}

/// Runs a test in namespaces of its own; skips it, aloud, without root.
pub(crate) fn alone(test: impl FnOnce() + Send) {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIPPED: network namespaces need root");
        return;
    }
    let run = || {
        unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).unwrap();
        let none = None::<&str>;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
        mount(Some("crowd"), ROOT, Some("tmpfs"), MsFlags::empty(), none).unwrap();
        // sysfs shows the links of the namespace it is mounted in
        let sysfs = Path::new(ROOT).join("sys");
        fs::create_dir(&sysfs).unwrap();
        mount(none, &sysfs, Some("sysfs"), MsFlags::empty(), none).unwrap();
        test();
    };
    thread::scope(|scope| {
        if let Err(panic) = scope.spawn(run).join() {
            std::panic::resume_unwind(panic);
        }
    });
}

impl CrowdedHost {
    pub(crate) fn new() -> Self {
        let tasks = tokio::runtime::Builder::new_multi_thread();
        let tasks = { tasks }.worker_threads(1).enable_all().build().unwrap();
        let daemon = open(&tasks);
        let subnets = SUBNETS.map(|subnet| SubnetRequest {
            subnet: subnet.parse().ok(),
            ..SubnetRequest::default()
        });
        // a thousand new neighbours that tell a thousand others of themselves would be all this is about
        let quiet = (
            "com.docker.network.advertise_addr_nmsgs".to_owned(),
            "0".to_owned(),
        );
        let request = NetworkRequest {
            name: "crowd".to_owned(),
            enable_ipv6: Some(true),
            subnets: subnets.into(),
            options: BTreeMap::from([quiet]),
            ..NetworkRequest::default()
        };
        Self {
            network: daemon.create_network(request).unwrap(),
            daemon: Some(daemon),
            tasks,
        }
    }

    pub(crate) fn attach(&self, number: usize) {
        let id = sandbox(number);
        let sandbox = Sandbox {
            id,
            container: ContainerId::from_bytes(id.bytes()),
            guest: None,
            dns: DnsConfig::default(),
            ports: Vec::new(),
            resources: Vec::new(),
        };
        let request = EndpointRequest {
            network: self.network,
            settings: EndpointSettings::default(),
            names: vec![format!("c{number}")],
            before: Default::default(),
        };
        self.daemon().create_sandbox(sandbox, &[request]).unwrap();
    }

    /// The network as it is on record.
    pub(crate) fn network(&self) -> Network {
        self.daemon().find_network("crowd").unwrap()
    }

    /// Whether datagrams get from one endpoint to another by either family.
    pub(crate) fn reaches(&self, from: usize, to: usize) -> bool {
        let mut addresses = self.addresses(to).into_iter();
        addresses.all(|address| {
            let server = within(to, || UdpSocket::bind((address, PORT)).unwrap());
            passes(from, &server, address)
        })
    }

    /// Whether datagrams get from an endpoint to the host, at its addresses on the network.
    pub(crate) fn answers_on_gateway(&self, from: usize) -> bool {
        let gateways: Vec<IpAddr> = self.network().gateways().collect();
        assert_eq!(gateways.len(), 2);
        gateways.into_iter().all(|address| {
            let server = UdpSocket::bind((address, PORT)).unwrap();
            passes(from, &server, address)
        })
    }

    /// The bridges that the host's ports are ports of, one for each port.
    pub(crate) fn masters(&self) -> Vec<String> {
        let ports = links().into_iter();
        let master = |link: String| fs::read_link(format!("{ROOT}/sys/class/net/{link}/master"));
        let masters = ports.filter_map(|link| master(link).ok());
        masters
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect()
    }

    /// The names of the host's links, sorted.
    pub(crate) fn links(&self) -> Vec<String> {
        links()
    }

    /// Whether a bridge on record exists.
    pub(crate) fn has(&self, bridge: &Resource) -> bool {
        match &bridge.object {
            Object::Bridge(bridge) => links().iter().any(|link| link == bridge.name.as_str()),
            _ => false,
        }
    }

    /// The daemon ends, as a crash would end it, and the next begins.
    pub(crate) fn restart(&mut self) {
        self.daemon = None;
        eventually("the daemon has let go of its records", || {
            Durable::open(&state_dir(), &run_dir()).is_ok()
        });
        self.daemon = Some(open(&self.tasks));
    }

    pub(crate) fn delete_network(&self) {
        self.daemon().delete_network("crowd").unwrap();
    }

    fn daemon(&self) -> &Daemon {
        self.daemon.as_ref().unwrap()
    }

    fn addresses(&self, number: usize) -> Vec<IpAddr> {
        let id = sandbox(number);
        self.daemon().read(|state| {
            let endpoint = state.endpoints_of(id).next().unwrap();
            endpoint.addresses.iter().map(|cidr| cidr.ip()).collect()
        })
    }
}

fn open(tasks: &Runtime) -> Arc<Daemon> {
    let netlink = Arc::new(Netlink::open(&run_dir()).unwrap());
    let hands = Hands {
        kernel: netlink.clone(),
        firewall: Arc::new(Nftables::open().unwrap()),
        host: netlink,
    };
    let settings = Settings {
        state_dir: state_dir(),
        run_dir: run_dir(),
        pools: rnet_ipam::Pools::default(),
        default_bridge: DefaultBridge::default(),
        default_network_options: BTreeMap::new(),
        default_log: Default::default(),
        plugins: Default::default(),
        cgroup_parent: "rnet-crowd".to_owned(),
        registries: Default::default(),
    };
    let store = Arc::new(Durable::open(&state_dir(), &run_dir()).unwrap());
    // no process of a container is ever started here
    let shim = "/nonexistent/rnet-shim".into();
    Daemon::open(settings, hands, store, shim, tasks.handle().clone()).unwrap()
}

fn passes(from: usize, server: &UdpSocket, address: IpAddr) -> bool {
    let any: SocketAddr = match address {
        IpAddr::V4(_) => "0.0.0.0:0".parse().unwrap(),
        IpAddr::V6(_) => "[::]:0".parse().unwrap(),
    };
    server
        .set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    let client = within(from, || UdpSocket::bind(any).unwrap());
    // a question for a neighbour that was lost is asked again after a second
    (0..100).any(|_| {
        client.send_to(b"hello", (address, PORT)).is_ok() && server.recv(&mut [0; 8]).is_ok()
    })
}

/// Runs something on a thread in the namespace of an endpoint.
fn within<T: Send>(number: usize, work: impl FnOnce() -> T + Send) -> T {
    let namespace = File::open(pin_path(&run_dir(), sandbox(number))).unwrap();
    let inside = || {
        setns(&namespace, CloneFlags::CLONE_NEWNET).unwrap();
        work()
    };
    thread::scope(|scope| scope.spawn(inside).join().unwrap())
}

/// Waits for something that the kernel does in its own time.
pub(crate) fn eventually(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}: not within a minute");
        thread::sleep(Duration::from_millis(20));
    }
}

fn links() -> Vec<String> {
    let mut links: Vec<String> = fs::read_dir(Path::new(ROOT).join("sys/class/net"))
        .unwrap()
        .map(|it| it.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    links.sort();
    links
}

fn sandbox(number: usize) -> SandboxId {
    let mut id = [0x5a; 32];
    id[..8].copy_from_slice(&number.to_be_bytes());
    SandboxId::from_bytes(id)
}

fn state_dir() -> PathBuf {
    Path::new(ROOT).join("state")
}

fn run_dir() -> PathBuf {
    Path::new(ROOT).join("run")
}
