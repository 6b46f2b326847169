//! New TCP connections through a published port, with many others published.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::libc::linger;
use nix::sys::socket::{setsockopt, sockopt};
use nix::sys::time::{TimeVal, TimeValLike};
use rnet_kernel::{Firewall, Nftables};

use super::publish::backends;
use crate::docker_rules::Backend;
use crate::peer::if_there;
use crate::published::{Port, policy, ports};
use crate::report::{self, progress};
use crate::scale::Scale;
use crate::world::World;

const HOST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const CONTAINER: Ipv4Addr = Ipv4Addr::new(172, 25, 0, 2);
/// The port that is connected to, published after all others.
const PORT: u16 = 8080;
const OTHERS: u16 = 20_000;

/// A client, a host that publishes the port of a container, and the container.
struct Path {
    name: &'static str,
    client: World,
    host: World,
    /// Accepts in the container.
    listener: TcpListener,
    rules: Rules,
    /// How long the rounds took that are under way.
    took: Vec<Duration>,
    /// Connections a second, with each number of others.
    rates: Vec<f64>,
    _container: World,
}

enum Rules {
    Rnet(Nftables),
    Docker(Backend),
}

pub(super) fn run(scale: Scale) -> Result<()> {
    report::title("New TCP connections through a published port");
    println!(
        "One client outside, one connection at a time: connect, accept, close. Its port was published after the\n\
         others, so a list of rules is walked to its end.\n"
    );
    let mut paths = vec![Path::new("rnet", || Ok(Rules::Rnet(Nftables::open()?)))?];
    for (name, backend) in backends() {
        paths.extend(if_there(
            name,
            Path::new(name, || Ok(Rules::Docker(backend))),
        ));
    }
    let others = scale.pick([1, 5, 10], [1, 1_000, 10_000], [1, 1_000, 10_000]);
    let (rounds, count) = scale.pick((1, 20), (7, 2_000), (15, 4_000));
    for others in others {
        paths.retain(|path| {
            progress(format_args!("connections: {}, {others} others", path.name));
            if_there(path.name, path.publish(others)).is_some()
        });
        for _ in 0..rounds {
            for path in &mut paths {
                let took = path.connect(count);
                path.took
                    .push(took.with_context(|| format!("{} lets nobody through", path.name))?);
            }
        }
        for path in &mut paths {
            let mut took = std::mem::take(&mut path.took);
            took.sort();
            path.rates
                .push(f64::from(count) / took[took.len() / 2].as_secs_f64());
        }
    }
    ensure!(paths[0].name == "rnet", "rnet may not be left out");
    let heads = others.map(|others| format!("/s with {others} others"));
    let mut columns = vec!["who"];
    columns.extend(heads.iter().map(String::as_str));
    columns.extend(["last : first", "last × rnet"]);
    let mut table = report::table(&columns);
    let flat = |rates: &[f64]| rates[rates.len() - 1] / rates[0];
    let rnet = &paths[0].rates;
    for Path { name, rates, .. } in &paths {
        let mut row = vec![(*name).to_owned()];
        row.extend(rates.iter().map(|rate| format!("{rate:.0}")));
        row.push(format!("{:.2}", flat(rates)));
        row.push(format!(
            "{:.2}",
            rates[rates.len() - 1] / rnet[rnet.len() - 1]
        ));
        table.add_row(row);
    }
    println!("{table}\n");
    let (goal, flat) = (
        "as many with all others as with one (within a tenth)",
        flat(rnet),
    );
    report::goal(goal, flat >= 0.9, format_args!("{flat:.2}"));
    Ok(())
}

impl Path {
    fn new(name: &'static str, rules: impl FnOnce() -> Result<Rules>) -> Result<Self> {
        let (client, host, container) = (World::new()?, World::new()?, World::new()?);
        client.ip(&format!(
            "link add eth0 type veth peer name eth0 netns {}
            address add 192.0.2.2/24 dev eth0
            link set eth0 up",
            host.path()
        ))?;
        host.ip(&format!(
            "address add {HOST}/24 dev eth0
            link set eth0 up
            link add bench0 type bridge
            address add 172.25.0.1/16 dev bench0
            link set bench0 up
            link add veth0 type veth peer name eth0 netns {}
            link set veth0 master bench0 up",
            container.path()
        ))?;
        let rules = rules()?;
        container.ip(&format!(
            "address add {CONTAINER}/16 dev eth0
            link set eth0 up
            route add default via 172.25.0.1"
        ))?;
        let listener = TcpListener::bind((CONTAINER, 80))?;
        // nobody waits for a client that gave up
        setsockopt(&listener, sockopt::ReceiveTimeout, &TimeVal::seconds(10))?;
        Ok(Self {
            name,
            client,
            host,
            listener,
            rules,
            took: Vec::new(),
            rates: Vec::new(),
            _container: container,
        })
    }

    /// Publishes the port after this many others.
    fn publish(&self, others: u16) -> Result<()> {
        self.host.enter()?;
        let mut all = ports(OTHERS..OTHERS + others);
        all.push(Port {
            host: PORT,
            target: CONTAINER,
        });
        match &self.rules {
            Rules::Rnet(firewall) => Ok(firewall.apply(&policy(&all)?)?),
            Rules::Docker(backend) => backend.write(&all),
        }
    }

    /// How long this many connections take, one after the other.
    fn connect(&self, count: u16) -> Result<Duration> {
        self.client.enter()?;
        let begun = Instant::now();
        for _ in 0..count {
            // the kernel accepts by itself: by a thread of its own, the two would be timed as they find each other
            let client = connect()?;
            self.listener.accept()?;
            drop(client);
        }
        Ok(begun.elapsed())
    }
}

fn connect() -> Result<TcpStream> {
    let published = SocketAddr::from((HOST, PORT));
    let stream = TcpStream::connect_timeout(&published, Duration::from_secs(5))?;
    // a reset instead of a minute in TIME_WAIT, or the client would run out of ports
    let at_once = linger {
        l_onoff: 1,
        l_linger: 0,
    };
    setsockopt(&stream, sockopt::Linger, &at_once)?;
    Ok(stream)
}
