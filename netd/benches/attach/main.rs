//! What attaching one endpoint costs, against the bare netlink floor of the same steps in the same run.
//!
//! One attach is: a sandbox, its veth, addresses and routes, the firewall, the embedded DNS, and two commits to the
//! store. The floor is the kernel's part of it made by hand, plus the two steps that no netlink message to rtnetlink
//! makes, taken from the same hands: the sandbox's resolver, and one published port.
//!
//! Runs in network and mount namespaces of its own. `make bench` runs it in release mode.

mod floor;

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use floor::Floor;
use netd::daemon::{Daemon, EndpointRequest, Hands, NetworkRequest, Settings};
use netd::store::Durable;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use rnet_ipam::SubnetRequest;
use rnet_kernel::{Firewall, Host, Netlink, Nftables};
use rnet_model::{
    ContainerId, DnsConfig, EndpointSettings, FirewallPolicy, HostPorts, NetworkId, PortRange,
    Protocol, Publication, PublishedPorts, Sandbox, SandboxId,
};

/// Endpoints that are present already.
const PRESENT: [usize; 4] = [1, 100, 500, 1000];
/// Attaches measured for each line.
const REPETITIONS: usize = 100;
/// How long the kernel goes on deleting what was removed, under the lock that every attach needs.
const SETTLING: Duration = Duration::from_millis(40);
/// Where the floor's own addresses begin, far above those the daemon leases.
const FLOOR: u32 = u32::from_be_bytes([172, 25, 200, 0]);

fn main() -> Result<()> {
    unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS)
        .context("the benchmark needs root, for namespaces of its own")?;
    mount(
        None::<&str>,
        "/",
        None::<&str>,
        MsFlags::MS_REC | MsFlags::MS_PRIVATE,
        None::<&str>,
    )?;
    let root = tempfile::tempdir()?;
    mount(
        Some("tmpfs"),
        root.path(),
        Some("tmpfs"),
        MsFlags::empty(),
        None::<&str>,
    )?;
    // a kernel sysfs and procfs of the new namespace
    mount(
        Some("sysfs"),
        "/sys",
        Some("sysfs"),
        MsFlags::empty(),
        None::<&str>,
    )?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let bench = Bench::new(root.path(), runtime.handle())?;

    println!(
        "attach one endpoint, median of {REPETITIONS} (10th to 90th percentile), microseconds\n"
    );
    println!(
        "{:>8} {:>6} {:>22} {:>22} {:>6}",
        "present", "ports", "floor", "rnet", "ratio"
    );
    let mut next = 0;
    for present in PRESENT {
        while next < present {
            bench.attach(next, 0)?;
            next += 1;
        }
        for ports in [0, 1] {
            let (floor, rnet) = bench.measure(present, ports)?;
            let ratio = median(&rnet).as_secs_f64() / median(&floor).as_secs_f64();
            let (floor, rnet) = (shown(&floor), shown(&rnet));
            println!("{present:>8} {ports:>6} {floor:>22} {rnet:>22} {ratio:>6.2}");
        }
    }
    Ok(())
}

struct Bench {
    daemon: Arc<Daemon>,
    netlink: Arc<Netlink>,
    /// The floor's own firewall table cannot be rnet's: it is one in a namespace of its own.
    firewall: Nftables,
    network: NetworkId,
    bridge: u32,
    /// Where rnet's hands pin namespaces, and the floor as well.
    run_dir: std::path::PathBuf,
}

impl Bench {
    fn new(root: &Path, tasks: &tokio::runtime::Handle) -> Result<Self> {
        let (state_dir, run_dir) = (root.join("state"), root.join("run"));
        let store = Durable::open(&state_dir, &run_dir)?;
        let netlink = Arc::new(Netlink::open(&run_dir)?);
        let hands = Hands {
            kernel: netlink.clone(),
            firewall: Arc::new(Nftables::open()?),
            host: netlink.clone(),
        };
        let settings = Settings {
            state_dir,
            run_dir: run_dir.clone(),
            pools: rnet_ipam::Pools::default(),
            default_bridge: "rnet0".to_owned(),
            cgroup_parent: "rnet-bench".to_owned(),
        };
        let shim = "/nonexistent".into();
        let daemon = Daemon::open(settings, hands, Arc::new(store), shim, tasks.clone())?;
        let subnet = SubnetRequest {
            subnet: Some("172.25.0.0/16".parse()?),
            ..Default::default()
        };
        let options = [(
            "com.docker.network.bridge.name".to_owned(),
            "bench0".to_owned(),
        )];
        let network = daemon.create_network(NetworkRequest {
            name: "bench".to_owned(),
            subnets: vec![subnet],
            options: options.into(),
            ..Default::default()
        })?;
        let bridge = nix::net::if_::if_nametoindex("bench0")?;
        let firewall = std::thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET)?;
            anyhow::Ok(Nftables::open()?)
        });
        let firewall = firewall.join().expect("opening a socket does not panic")?;
        Ok(Self {
            daemon,
            netlink,
            firewall,
            network,
            bridge,
            run_dir,
        })
    }

    /// Attaches through the daemon.
    fn attach(&self, number: usize, ports: u16) -> Result<SandboxId> {
        let mut bytes = [0x5a; 32];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        let id = SandboxId::from_bytes(bytes);
        let port = |host_port| PublishedPorts {
            protocol: Protocol::Tcp,
            host_address: Ipv4Addr::UNSPECIFIED.into(),
            host_ports: PortRange::one(host_port),
            container_ports: PortRange::one(80),
            from: BTreeSet::new(),
        };
        let sandbox = Sandbox {
            id,
            container: ContainerId::from_bytes(bytes),
            dns: DnsConfig::default(),
            ports: (0..ports).map(|it| port(8080 + it)).collect(),
            resources: Vec::new(),
        };
        let request = EndpointRequest {
            network: self.network,
            settings: EndpointSettings::default(),
            names: vec![format!("c{number}")],
        };
        self.daemon.create_sandbox(sandbox, &[request])?;
        Ok(id)
    }

    /// Attaches by hand, and says how long it took.
    fn floor(&self, number: u32, ports: u16) -> Result<Duration> {
        let address = Ipv4Addr::from(FLOOR + number);
        let begun = Instant::now();
        let floor = Floor::attach(
            &self.run_dir,
            number,
            self.bridge,
            address,
            Ipv4Addr::new(172, 25, 0, 1),
        )?;
        let mut policy = FirewallPolicy::default();
        for port in 0..ports {
            let ports = HostPorts {
                protocol: Protocol::Tcp,
                address: Ipv4Addr::UNSPECIFIED.into(),
                ports: PortRange::one(8080 + port),
            };
            let target = Publication::to((address, 80).into());
            policy.published.insert(ports, target);
        }
        self.firewall.apply(&policy)?;
        let sockets = self.netlink.resolver_sockets(floor.sandbox)?;
        let took = begun.elapsed();
        drop(sockets);
        self.firewall.apply(&FirewallPolicy::default())?;
        Ok(took)
    }

    /// Floor and daemon in turn, so that whatever else the machine does meets both.
    fn measure(&self, present: usize, ports: u16) -> Result<(Vec<Duration>, Vec<Duration>)> {
        let (mut floor, mut rnet) = (Vec::new(), Vec::new());
        for repetition in 0..REPETITIONS {
            floor.push(self.floor(repetition as u32, ports)?);
            std::thread::sleep(SETTLING);
            let begun = Instant::now();
            let sandbox = self.attach(present + 10_000, ports)?;
            rnet.push(begun.elapsed());
            self.daemon.delete_sandbox(sandbox);
            std::thread::sleep(SETTLING);
        }
        floor.sort();
        rnet.sort();
        Ok((floor, rnet))
    }
}

fn median(sorted: &[Duration]) -> Duration {
    sorted[sorted.len() / 2]
}

fn shown(sorted: &[Duration]) -> String {
    let at = |percent: usize| sorted[sorted.len() * percent / 100].as_micros();
    format!("{} ({}-{})", at(50), at(10), at(90))
}
