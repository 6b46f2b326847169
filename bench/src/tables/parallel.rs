//! Attaching many endpoints at once.

use std::sync::atomic::{AtomicU16, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::contestant::{Contestant, Floor, Rnet};
use crate::cost::{self, measure, ratio};
use crate::report::{self, progress, time};
use crate::scale::Scale;

/// How many are under way at a time; more than there are processors, for attaching waits for locks of the kernel.
const AT_A_TIME: u16 = 16;

/// How long the kernel may take to delete what has left.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long it goes on with namespaces after that, where nobody sees it.
const NAMESPACES: Duration = Duration::from_secs(2);

pub(super) fn run(scale: Scale) -> Result<()> {
    let many = scale.pick(8, 200, 200);
    report::title(&format!("Attach {many} endpoints in parallel"));
    println!(
        "{AT_A_TIME} at a time, with a published port each, until the last one is attached; then all leave.\n"
    );
    let contestants: [Box<dyn Contestant>; 2] = [Box::new(Floor::new()?), Box::new(Rnet::new()?)];
    let mut costs = [Vec::new(), Vec::new()];
    let mut left = [0, 0];
    for round in 1..=scale.pick(1, 5, 5) {
        for ((who, costs), left) in contestants.iter().zip(&mut costs).zip(&mut left) {
            progress(format_args!("parallel: {}, round {round}", who.name()));
            let before = who.objects()?;
            costs.push(measure(|| at_once(many, |number| who.attach(number, 1)))?);
            at_once(many, |number| who.detach(number))?;
            *left += left_behind(who.as_ref(), before)?;
            sleep(NAMESPACES);
        }
    }
    let columns = [
        "who",
        "all attached after",
        "each",
        "CPU",
        "× floor",
        "left behind",
    ];
    let mut table = report::table(&columns);
    let [floor, rnet] = costs.each_ref().map(|costs| cost::median(costs));
    for ((who, cost), left) in contestants.iter().zip([floor, rnet]).zip(left) {
        table.add_row([
            who.name(),
            time(cost.wall),
            time(cost.wall / u32::from(many)),
            time(cost.cpu),
            format!("{:.2}", ratio(cost.wall, floor.wall)),
            left.to_string(),
        ]);
    }
    println!("{table}\n");
    let ratio = ratio(rnet.wall, floor.wall);
    report::goal(
        "within 2 × the floor",
        ratio <= 2.0,
        format_args!("{ratio:.2} ×"),
    );
    report::goal(
        "nothing left behind",
        left[1] == 0,
        format_args!("{} links and namespaces", left[1]),
    );
    Ok(())
}

/// Does it for the numbers up to `many`, some at a time.
fn at_once(many: u16, work: impl Fn(u16) -> Result<()> + Sync) -> Result<()> {
    let next = AtomicU16::new(0);
    let worker = || {
        let numbers = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
        numbers
            .take_while(|number| *number < many)
            .try_for_each(&work)
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_A_TIME).map(|_| scope.spawn(worker)).collect();
        let ended = workers
            .into_iter()
            .map(|it| it.join().expect("attaching does not panic"));
        ended.collect::<Result<()>>()
    })
}

/// How many links and namespaces there are more than before, once the kernel has had time to delete what has left.
fn left_behind(who: &dyn Contestant, before: usize) -> Result<usize> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let objects = who.objects()?;
        ensure!(
            objects >= before,
            "{} lost something that was there before",
            who.name()
        );
        if objects == before || Instant::now() > deadline {
            return Ok(objects - before);
        }
        sleep(Duration::from_millis(5));
    }
}
