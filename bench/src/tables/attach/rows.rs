//! What was found, as a table, and by the goals.

use crate::cost::{Cost, ratio};
use crate::report::{self, time};

/// One contestant at one size.
pub(super) struct Row {
    pub(super) who: String,
    pub(super) present: u16,
    pub(super) ports: u16,
    pub(super) attach: Cost,
    pub(super) detach: Cost,
}

/// Prints all of them, and judges rnet by them.
pub(super) fn print(rows: &[Row]) {
    let columns = [
        "who", "present", "ports", "attach", "× floor", "× rnet", "CPU", "× floor", "detach",
        "× rnet", "CPU",
    ];
    let mut table = report::table(&columns);
    for row in rows {
        let beside = |who| beside(rows, row, who);
        table.add_row([
            row.who.clone(),
            row.present.to_string(),
            row.ports.to_string(),
            time(row.attach.wall),
            times(beside("floor").map(|floor| ratio(row.attach.wall, floor.attach.wall))),
            times(beside("rnet").map(|rnet| ratio(row.attach.wall, rnet.attach.wall))),
            time(row.attach.cpu),
            times(beside("floor").map(|floor| ratio(row.attach.cpu, floor.attach.cpu))),
            time(row.detach.wall),
            times(beside("rnet").map(|rnet| ratio(row.detach.wall, rnet.detach.wall))),
            time(row.detach.cpu),
        ]);
    }
    println!("{table}\n");
    judge(rows);
}

fn judge(rows: &[Row]) {
    let ours = || rows.iter().filter(|row| row.who == "rnet");
    let over = ours().filter_map(|row| {
        Some(ratio(
            row.attach.wall,
            beside(rows, row, "floor")?.attach.wall,
        ))
    });
    let worst = over.fold(0.0, f64::max);
    let goal = "attach within 1.5 × the floor at every size";
    report::goal(goal, worst <= 1.5, format_args!("{worst:.2} × at worst"));

    let growth = |who: &str| {
        let mut costs = rows.iter().filter(|row| row.who == who && row.ports == 1);
        let first = costs.next()?.attach.wall;
        costs.next_back().map(|last| ratio(last.attach.wall, first))
    };
    if let (Some(rnet), Some(floor)) = (growth("rnet"), growth("floor")) {
        let by = format!("{rnet:.2} × from the least to the most present, the floor {floor:.2} ×");
        report::goal("attach as flat as the floor", rnet <= 1.25 * floor, by);
    }
    let longer = ours().filter_map(|row| {
        Some(ratio(
            row.detach.wall,
            beside(rows, row, "floor")?.detach.wall,
        ))
    });
    let longest = longer.fold(0.0, f64::max);
    let by = format!("{longest:.2} × the floor, which waits, at worst");
    report::goal("detach does not wait for the kernel", longest < 0.75, by);

    for row in rows.iter().filter(|row| row.ports == 1) {
        let least = match (&row.who, row.present) {
            (who, 1) if who.starts_with("netavark") => 5.0,
            (who, 500) if who.starts_with("netavark") => 30.0,
            (who, _) if who.starts_with("CNI") => 10.0,
            _ => continue,
        };
        if let Some(rnet) = beside(rows, row, "rnet") {
            let faster = ratio(row.attach.wall, rnet.attach.wall);
            let goal = format!(
                "{least} × faster than {} with {} present",
                row.who, row.present
            );
            report::goal(&goal, faster >= least, format_args!("{faster:.1} ×"));
        }
    }
}

/// The same for another contestant.
fn beside<'a>(rows: &'a [Row], row: &Row, who: &str) -> Option<&'a Row> {
    let mut same = rows
        .iter()
        .filter(|it| (it.present, it.ports) == (row.present, row.ports));
    same.find(|it| it.who == who)
}

fn times(ratio: Option<f64>) -> String {
    ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"))
}
