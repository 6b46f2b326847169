//! What is printed: tables that are Markdown as well, and whether goals are met.

use std::fmt::Display;
use std::fs;
use std::time::Duration;

use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, Table};

/// An empty table; its first column is of words, all others are of numbers.
pub(crate) fn table(columns: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header(columns);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// The beginning of one table.
pub(crate) fn title(text: &str) {
    println!("\n## {text}\n");
}

/// What happens, for those who wait.
pub(crate) fn progress(text: impl Display) {
    eprintln!("... {text}");
}

/// Whether a goal is met, and by what.
pub(crate) fn goal(goal: &str, met: bool, by: impl Display) {
    println!("- {}: {goal}: {by}", if met { "met" } else { "MISSED" });
}

/// A time, in the unit it is best read in.
pub(crate) fn time(time: Duration) -> String {
    match time.as_micros() {
        0..1_000 => format!("{} µs", time.as_micros()),
        1_000..100_000 => format!("{:.1} ms", time.as_secs_f64() * 1e3),
        100_000..10_000_000 => format!("{:.0} ms", time.as_secs_f64() * 1e3),
        _ => format!("{:.1} s", time.as_secs_f64()),
    }
}

/// Tells on what machine the figures were measured.
pub(crate) fn machine() {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let info = read("/proc/cpuinfo");
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name\t: "));
    println!(
        "Linux {}, {cpus} processors ({}), load {}",
        read("/proc/sys/kernel/osrelease").trim(),
        model.unwrap_or("unknown"),
        read("/proc/loadavg").split(' ').next().unwrap_or_default()
    );
    println!(
        "Figures are medians; contestants take turns. CPU is of all processes of a contestant."
    );
}
