//! `state`, `list` and `ps`.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, ExitCode};

use serde_json::{Value, json};

use super::args::ListFormat;
use super::check::invalid;
use super::state::Store;
use crate::RuntimeError;

/// Prints where a container is in its life.
pub(super) fn state(store: &Store, id: &str) -> Result<(), RuntimeError> {
    let state = store.find(id)?.details()?;
    print(&format!("{state:#}\n"))
}

/// Prints all containers; those that go meanwhile are passed over.
pub(super) fn list(store: &Store, format: ListFormat, quiet: bool) -> Result<(), RuntimeError> {
    let names = store.names()?;
    let found = names
        .iter()
        .filter_map(|id| store.find(id).ok()?.details().ok());
    let all: Vec<Value> = found.collect();
    if quiet {
        let ids: String = all
            .iter()
            .map(|it| format!("{}\n", text(&it["id"])))
            .collect();
        return print(&ids);
    }
    if format == ListFormat::Json {
        return print(&format!("{}\n", json!(all)));
    }
    let head = ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"].map(str::to_owned);
    let row = |it: &Value| {
        ["id", "pid", "status", "bundle", "created", "owner"].map(|name| text(&it[name]))
    };
    let rows: Vec<_> = std::iter::once(head).chain(all.iter().map(row)).collect();
    let mut table = String::new();
    for row in &rows {
        let mut line = String::new();
        for (n, cell) in row.iter().enumerate() {
            let width = rows.iter().map(|row| row[n].len()).max().unwrap_or(0) + 4;
            let _ = write!(line, "{cell:width$}");
        }
        table.push_str(line.trim_end());
        table.push('\n');
    }
    print(&table)
}

/// Prints the processes of a container, as ps(1) tells them.
pub(super) fn ps(
    store: &Store,
    id: &str,
    format: ListFormat,
    args: &[String],
) -> Result<ExitCode, RuntimeError> {
    let pids = store.find(id)?.cgroup()?.processes();
    let pids: Vec<i32> = pids.iter().map(|pid| pid.as_raw_nonzero().get()).collect();
    if format == ListFormat::Json {
        return print(&format!("{}\n", json!(pids))).map(|()| ExitCode::SUCCESS);
    }
    let usual = ["-ef".to_owned()];
    let args = if args.is_empty() { &usual[..] } else { args };
    let ran = Command::new("ps").args(args).output();
    let output = ran.map_err(RuntimeError::file("run", "ps"))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(invalid(format!("ps: {complaint}")));
    }
    let listed = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut lines = listed.lines();
    let head = lines.next().unwrap_or_default();
    let place = head.split_whitespace().position(|word| word == "PID");
    let place = place.ok_or_else(|| invalid("ps was asked for no column PID"))?;
    let ours = lines.filter(|line| {
        let pid = line
            .split_whitespace()
            .nth(place)
            .and_then(|pid| pid.parse().ok());
        pid.is_some_and(|pid| pids.contains(&pid))
    });
    let rows: String = std::iter::once(head)
        .chain(ours)
        .map(|line| format!("{line}\n"))
        .collect();
    print(&rows).map(|()| ExitCode::SUCCESS)
}

/// Prints a text; whoever closed the other end does not want it.
pub(super) fn print(text: &str) -> Result<(), RuntimeError> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(RuntimeError::file("write", "the standard output")),
    }
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
