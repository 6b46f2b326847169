//! Attaching and detaching one endpoint, with many present that publish a port each.

use anyhow::{Context, Result, ensure};

use crate::contestant::{Cni, Contestant, Floor, Netavark, Rnet};
use crate::cost::{self, Cost, measure, ratio};
use crate::peer::if_there;
use crate::report::{self, progress, time};
use crate::scale::Scale;

/// The number of the endpoint that comes and goes, beyond those that stay.
const MEASURED: u16 = 5_000;
/// The floor and rnet come first, and are never left out.
const OURS: usize = 2;

/// The load a contestant is put under: peers get less of it, for each endpoint takes them long.
struct Entry {
    contestant: Box<dyn Contestant>,
    repetitions: usize,
    /// The most endpoints present it is measured with.
    most: u16,
    present: u16,
}

/// What attaching and detaching cost, in every repetition.
#[derive(Default)]
struct Costs {
    attach: Vec<Cost>,
    detach: Vec<Cost>,
}

pub(super) fn run(scale: Scale) -> Result<()> {
    report::title("Attach and detach one endpoint");
    println!(
        "From nothing to a pinned network namespace with an address, a default route and, where ports say so, a\n\
         published port; detaching takes it all back. Those present publish a port each. rnet and the floor run\n\
         inside this process, and give every namespace a resolver; the others are processes, as their callers\n\
         start them, and do without names.\n"
    );
    let mut entries = entries(scale)?;
    let columns = [
        "who", "present", "ports", "attach", "CPU", "× floor", "× rnet", "detach", "CPU", "× rnet",
    ];
    let mut table = report::table(&columns);
    let mut worst: f64 = 0.0;
    for &present in scale.pick(&[1][..], &[1, 100, 500, 1000], &[1, 100, 500, 1000]) {
        entries.retain(|entry| entry.most >= present);
        entries.retain_mut(|entry| {
            let filled = entry.fill(present);
            if_there(&entry.contestant.name(), filled).is_some()
        });
        ensure!(
            entries.len() >= OURS,
            "neither rnet nor the floor may be left out"
        );
        for ports in [0, 1] {
            progress(format_args!("attach: {present} present, {ports} ports"));
            let costs = take_turns(&entries, ports)?;
            let medians = |costs: &[Cost]| cost::median(costs);
            let floor = medians(&costs[0].attach).wall;
            let rnet = (
                medians(&costs[1].attach).wall,
                medians(&costs[1].detach).wall,
            );
            worst = worst.max(ratio(rnet.0, floor));
            for (entry, costs) in entries.iter().zip(&costs) {
                let (attach, detach) = (medians(&costs.attach), medians(&costs.detach));
                table.add_row([
                    entry.contestant.name(),
                    present.to_string(),
                    ports.to_string(),
                    time(attach.wall),
                    time(attach.cpu),
                    format!("{:.2}", ratio(attach.wall, floor)),
                    format!("{:.1}", ratio(attach.wall, rnet.0)),
                    time(detach.wall),
                    time(detach.cpu),
                    format!("{:.1}", ratio(detach.wall, rnet.1)),
                ]);
            }
        }
    }
    println!("{table}\n");
    report::goal(
        "attach within 1.5 × the floor at every size",
        worst <= 1.5,
        format_args!("{worst:.2} × at worst"),
    );
    Ok(())
}

/// The floor, rnet, and the peers that are there.
fn entries(scale: Scale) -> Result<Vec<Entry>> {
    let entry = |contestant, repetitions, most| Entry {
        contestant,
        repetitions,
        most,
        present: 0,
    };
    let ours = scale.pick(2, 40, 40);
    let theirs = scale.pick(1, 10, 10);
    let most = scale.pick(1, 100, 500);
    let mut entries = vec![
        entry(
            Box::new(Floor::new()?) as Box<dyn Contestant>,
            ours,
            u16::MAX,
        ),
        entry(Box::new(Rnet::new()?), ours, u16::MAX),
    ];
    let netavark = if_there("netavark", Netavark::new());
    let cni = if_there("CNI", Cni::new());
    entries.extend(netavark.map(|it| entry(Box::new(it), theirs, most)));
    entries.extend(cni.map(|it| entry(Box::new(it), theirs, most)));
    Ok(entries)
}

impl Entry {
    fn fill(&mut self, present: u16) -> Result<()> {
        let name = self.contestant.name();
        progress(format_args!("attach: {name}: up to {present} present"));
        for number in self.present..present {
            let attached = self.contestant.attach(number, 1);
            attached.with_context(|| format!("cannot attach endpoint {number}"))?;
        }
        self.present = present;
        Ok(())
    }
}

/// One after the other, again and again, so that whatever else the machine does meets all of them.
fn take_turns(entries: &[Entry], ports: u16) -> Result<Vec<Costs>> {
    let mut costs: Vec<Costs> = entries.iter().map(|_| Costs::default()).collect();
    let rounds = entries.iter().map(|it| it.repetitions).max().unwrap_or(0);
    for round in 0..rounds {
        for (entry, costs) in entries.iter().zip(&mut costs) {
            if round < entry.repetitions {
                let who = &entry.contestant;
                let told = || format!("{} fails", who.name());
                let attach = measure(|| who.attach(MEASURED, ports)).with_context(told)?;
                costs.attach.push(attach);
                let detach = measure(|| who.detach(MEASURED)).with_context(told)?;
                costs.detach.push(detach);
            }
        }
    }
    Ok(costs)
}
