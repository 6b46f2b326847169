//! Publishing ports, with many published.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::Result;
use comfy_table::Table;
use rnet_kernel::{Firewall, Nftables};
use rnet_model::{FirewallPolicy, PortRange, Publication};

use crate::cost::{self, Cost, measure, ratio};
use crate::docker_rules::Backend;
use crate::peer::if_there;
use crate::published::{Port, on_host, policy, ports};
use crate::report::{self, progress, time};
use crate::scale::Scale;
use crate::world::World;

/// Where the ports begin that are published already, and those that are added.
const PRESENT: u16 = 20_000;
const ADDED: u16 = 40_000;

/// What is published at once, and how long it may take.
struct Task {
    what: &'static str,
    count: u16,
    /// Whether it is one range of one container, or a port each of many.
    range: bool,
    goal: Duration,
}

pub(super) fn run(scale: Scale) -> Result<()> {
    let present = ports(PRESENT..PRESENT + scale.pick(10, 10_000, 10_000));
    report::title(&format!("Publish ports, with {} published", present.len()));
    println!(
        "rnet: one call of its firewall, from the policy to the end of the transaction, in this process. Docker's\n\
         rules: one process of iptables-restore or nft for all of them; Docker itself runs two of iptables for each.\n"
    );
    let small = scale == Scale::Tiny;
    let task = |what, count, range, micros| Task {
        what,
        count,
        range,
        goal: Duration::from_micros(micros),
    };
    let tasks = [
        task("1 port", 1, false, 100),
        task("1,000 ports", if small { 10 } else { 1_000 }, false, 5_000),
        task(
            "a range of 1,000",
            if small { 10 } else { 1_000 },
            true,
            5_000,
        ),
        task(
            "a range of 20,000",
            if small { 20 } else { 20_000 },
            true,
            5_000,
        ),
    ];
    let mut table = report::table(&["who", "publishes", "time", "CPU", "× rnet"]);
    let mut rnet = Vec::new();
    let nothing = task("nothing new", 0, false, 0);
    let idle = by_rnet(&present, &nothing, scale.pick(2, 50, 50))?;
    row(&mut table, "rnet", &nothing, idle, idle);
    for task in &tasks {
        progress(format_args!("publish: rnet, {}", task.what));
        let cost = by_rnet(&present, task, scale.pick(2, 50, 50))?;
        rnet.push(cost);
        row(&mut table, "rnet", task, cost, cost);
    }
    for (name, backend) in backends() {
        progress(format_args!("publish: {name}"));
        let rows = by_docker_rules(&backend, &present, &tasks, scale.pick(1, 3, 5));
        for ((task, cost), rnet) in if_there(name, rows).into_iter().flatten().zip(&rnet) {
            row(&mut table, name, task, cost, *rnet);
        }
    }
    println!("{table}\n");
    for (task, cost) in tasks.iter().zip(rnet) {
        let goal = format!("{} in less than {}", task.what, time(task.goal));
        report::goal(&goal, cost.wall < task.goal, time(cost.wall));
    }
    Ok(())
}

/// Those that can be had.
pub(super) fn backends() -> Vec<(&'static str, Backend)> {
    let all = [
        (
            "Docker's rules, iptables-legacy",
            Backend::iptables("legacy"),
        ),
        ("Docker's rules, iptables-nft", Backend::iptables("nft")),
        ("Docker's rules, nftables", Backend::nft()),
    ];
    let there = all
        .into_iter()
        .map(|(name, backend)| Some((name, if_there(name, backend)?)));
    there.flatten().collect()
}

fn row(table: &mut Table, who: &str, task: &Task, cost: Cost, rnet: Cost) {
    table.add_row([
        who.to_owned(),
        task.what.to_owned(),
        time(cost.wall),
        time(cost.cpu),
        format!("{:.1}", ratio(cost.wall, rnet.wall)),
    ]);
}

fn by_rnet(present: &[Port], task: &Task, repetitions: usize) -> Result<Cost> {
    let world = World::new()?;
    world.enter()?;
    let firewall = Nftables::open()?;
    let before = policy(present)?;
    let mut after = before.clone();
    publish(&mut after, task)?;
    let mut costs = Vec::new();
    firewall.apply(&before)?;
    for _ in 0..repetitions {
        costs.push(measure(|| Ok(firewall.apply(&after)?))?);
        firewall.apply(&before)?;
    }
    Ok(cost::median(&costs))
}

fn publish(policy: &mut FirewallPolicy, task: &Task) -> Result<()> {
    if task.range {
        let range = PortRange::new(ADDED, ADDED + task.count - 1)?;
        let target = Publication::to((Ipv4Addr::new(172, 25, 0, 2), ADDED).into());
        policy.published.insert(on_host(range), target);
    } else {
        let added = crate::published::policy(&ports(ADDED..ADDED + task.count))?;
        policy.published.extend(added.published);
    }
    Ok(())
}

fn by_docker_rules<'a>(
    backend: &Backend,
    present: &[Port],
    tasks: &'a [Task],
    repetitions: usize,
) -> Result<Vec<(&'a Task, Cost)>> {
    let world = World::new()?;
    world.enter()?;
    let rows = tasks.iter().map(|task| {
        let added = ports(ADDED..ADDED + task.count);
        let costs = (0..repetitions).map(|_| {
            backend.write(present)?;
            measure(|| backend.add(present, &added))
        });
        Ok((task, cost::median(&costs.collect::<Result<Vec<_>>>()?)))
    });
    rows.collect()
}
