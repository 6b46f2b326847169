//! Attaching and detaching one endpoint, with many present that publish a port each.

mod rows;

use anyhow::{Context, Result, ensure};

use crate::contestant::{Cni, Contestant, Floor, Netavark, Rnet};
use crate::cost::{self, Cost, measure};
use crate::peer::if_there;
use crate::report::{self, progress};
use crate::scale::Scale;
use rows::Row;

/// The number of the endpoint that comes and goes, beyond those that stay.
const MEASURED: u16 = 5_000;

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
    let mut rows = Vec::new();
    for &present in scale.pick(&[1][..], &[1, 100, 500, 1000], &[1, 100, 500, 1000]) {
        entries.retain_mut(|entry| {
            let who = entry.contestant.name();
            entry.most >= present && if_there(&who, entry.fill(present)).is_some()
        });
        for ports in [0, 1] {
            progress(format_args!("attach: {present} present, {ports} ports"));
            let costs = take_turns(&entries, ports)?;
            rows.extend(entries.iter().zip(&costs).map(|(entry, costs)| Row {
                who: entry.contestant.name(),
                present,
                ports,
                attach: cost::median(&costs.attach),
                detach: cost::median(&costs.detach),
            }));
        }
    }
    rows::print(&rows);
    let rnet = rows.iter().any(|row| row.who == "rnet");
    ensure!(rnet, "rnet may not be left out");
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
