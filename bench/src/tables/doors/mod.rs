//! Attaching as other runtimes do it: the whole process of a door, beside the native plugin of each ecosystem.

mod docker;

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::contestant::{Cni, Contestant, Door, Floor, Netavark};
use crate::cost::{Cost, measure, median};
use crate::peer::if_there;
use crate::report::{self, progress, time};
use crate::scale::Scale;

pub(super) use docker::run as run_docker;

/// The number of the endpoint that comes and goes, beyond those that stay.
const MEASURED: u16 = 5_000;
/// How much longer than the floor a door may take, start of its process and all.
const ALLOWANCE: Duration = Duration::from_millis(3);

struct Entry {
    contestant: Box<dyn Contestant>,
    /// The most endpoints present it is measured with.
    most: u16,
    present: u16,
}

struct Row {
    who: String,
    present: u16,
    attach: Duration,
    detach: Duration,
}

pub(super) fn run(scale: Scale) -> Result<()> {
    report::title("Attach through the doors of other runtimes");
    println!(
        "From nothing to a pinned network namespace with an address and a published port, by a process that its caller\n\
         starts and waits for: `rnet-cni` (ADD, DEL) and `rnet-netavark` (setup, teardown), which ask `netd`, beside the\n\
         plugins they stand for. The floor runs inside this process. Those present publish a port each.\n"
    );
    let mut entries = entries(scale)?;
    let mut rows = Vec::new();
    for &present in scale.pick(&[1][..], &[1, 100, 500], &[1, 100, 500, 1000]) {
        entries.retain_mut(|entry| {
            let who = entry.contestant.name();
            entry.most >= present && if_there(&who, entry.fill(present)).is_some()
        });
        progress(format_args!("doors: {present} present"));
        rows.extend(take_turns(&entries, present, scale.pick(2, 20, 40))?);
    }
    print(&rows);
    let ours = |who: &str| rows.iter().any(|row| row.who == who);
    ensure!(
        ours("rnet-cni") && ours("rnet-netavark"),
        "rnet may not be left out"
    );
    Ok(())
}

fn entries(scale: Scale) -> Result<Vec<Entry>> {
    let most = scale.pick(1, 100, 500);
    let entry = |contestant, most| Entry {
        contestant,
        most,
        present: 0,
    };
    let mut entries = vec![
        entry(Box::new(Floor::new()?) as Box<dyn Contestant>, u16::MAX),
        entry(Box::new(Door::cni()?), u16::MAX),
        entry(Box::new(Door::netavark()?), u16::MAX),
    ];
    let cni = if_there("CNI", Cni::new());
    let netavark = if_there("netavark", Netavark::new());
    entries.extend(cni.map(|it| entry(Box::new(it) as Box<dyn Contestant>, most)));
    entries.extend(netavark.map(|it| entry(Box::new(it) as Box<dyn Contestant>, most)));
    Ok(entries)
}

impl Entry {
    fn fill(&mut self, present: u16) -> Result<()> {
        for number in self.present..present {
            let attached = self.contestant.attach(number, 1);
            attached.with_context(|| format!("cannot attach endpoint {number}"))?;
        }
        self.present = present;
        Ok(())
    }
}

/// One after the other, again and again, so that whatever else the machine does meets all of them.
fn take_turns(entries: &[Entry], present: u16, rounds: usize) -> Result<Vec<Row>> {
    let mut costs: Vec<[Vec<Cost>; 2]> = entries.iter().map(|_| Default::default()).collect();
    for _ in 0..rounds {
        for (Entry { contestant, .. }, [attach, detach]) in entries.iter().zip(&mut costs) {
            let told = || format!("{} fails", contestant.name());
            attach.push(measure(|| contestant.attach(MEASURED, 1)).with_context(told)?);
            detach.push(measure(|| contestant.detach(MEASURED)).with_context(told)?);
        }
    }
    let rows = entries
        .iter()
        .zip(costs)
        .map(|(entry, [attach, detach])| Row {
            who: entry.contestant.name(),
            present,
            attach: median(&attach).wall,
            detach: median(&detach).wall,
        });
    Ok(rows.collect())
}

fn print(rows: &[Row]) {
    let mut table = report::table(&["who", "present", "attach", "over the floor", "detach"]);
    for row in rows {
        let over = floor(rows, row.present).map(|floor| row.attach.saturating_sub(floor));
        table.add_row([
            row.who.clone(),
            row.present.to_string(),
            time(row.attach),
            over.map_or_else(String::new, time),
            time(row.detach),
        ]);
    }
    println!("{table}\n");
    for who in ["rnet-cni", "rnet-netavark"] {
        let own = || rows.iter().filter(|row| row.who == who);
        let over =
            own().filter_map(|row| Some(row.attach.saturating_sub(floor(rows, row.present)?)));
        let most = over.max().unwrap_or_default();
        let goal = format!("{who} attaches within the floor and {}", time(ALLOWANCE));
        let by = format!("{} over it at most", time(most));
        report::goal(&goal, most <= ALLOWANCE, by);
        if let (Some(first), Some(last)) = (own().next(), own().next_back()) {
            let growth = last.attach.as_secs_f64() / first.attach.as_secs_f64().max(1e-9);
            let by = format!("{growth:.2} × from the least to the most present");
            report::goal(&format!("{who} is flat"), growth <= 1.25, by);
        }
    }
}

fn floor(rows: &[Row], present: u16) -> Option<Duration> {
    let mut same = rows.iter().filter(|row| row.present == present);
    same.find(|row| row.who == "floor").map(|row| row.attach)
}
