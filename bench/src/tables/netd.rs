//! The daemon itself, on a lab host with real containers: its memory, what it does when idle, how long its start takes.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::unistd::Pid;
use rnet_tests::Lab;

use crate::cost;
use crate::report::{self, progress, time};
use crate::scale::Scale;

/// What the daemon may take of memory, and for each endpoint, in kB.
const MEMORY: (u64, u64) = (15_000, 10);

/// How many containers one command line starts: it may not take longer than a minute.
const BATCH: usize = 20;

/// One line of the table.
struct Row {
    endpoints: usize,
    memory: Memory,
    idle: Idle,
    restart: Duration,
    memory_restarted: Memory,
}

/// In kB (proc(5), `/proc/PID/status`).
struct Memory {
    resident: u64,
    /// The part of it that is no file's.
    anonymous: u64,
}

/// What the daemon did while nobody asked it anything.
struct Idle {
    wakeups: u64,
    cpu: Duration,
}

pub(super) fn run(scale: Scale) -> Result<()> {
    let sizes = scale.pick(&[0, 2][..], &[0, 100, 200, 1_000], &[0, 100, 200, 1_000]);
    let idle = Duration::from_secs(scale.pick(1, 10, 10));
    report::title("The daemon");
    println!(
        "netd on a lab host, with one running container an endpoint. A restart is a kill and a start, until `rnet\n\
         version` is answered; it is asked again every 10 ms. Idle: {} s.\n",
        idle.as_secs()
    );
    let mut lab = Lab::start()?;
    lab.host("rnet network create --subnet 172.25.0.0/16 bench")?;
    let mut present = 0;
    let mut rows = Vec::new();
    for &endpoints in sizes {
        while present < endpoints {
            progress(format_args!("netd: {present} of {endpoints} containers"));
            let last = endpoints.min(present + BATCH);
            start_containers(&lab, present, last)?;
            present = last;
        }
        rows.push(measure(&mut lab, endpoints, idle)?);
    }
    print(&rows);
    Ok(())
}

fn start_containers(lab: &Lab, from: usize, to: usize) -> Result<()> {
    // the first failure ends it: all others would tell the same
    let run = "rnet run -d --name c@ --network bench busybox sleep 100000 >/dev/null || exit 255";
    lab.host(&format!(
        "seq {from} {} | xargs -P 4 -I@ sh -c '{run}'",
        to - 1
    ))
    .map(drop)
}

fn measure(lab: &mut Lab, endpoints: usize, idle: Duration) -> Result<Row> {
    progress(format_args!("netd: idle with {endpoints}"));
    let memory = memory(lab)?;
    let idle = idle_for(lab, idle)?;
    progress(format_args!("netd: a restart with {endpoints}"));
    lab.kill_netd()?;
    let begun = Instant::now();
    lab.start_netd()?;
    let restart = begun.elapsed();
    Ok(Row {
        endpoints,
        memory,
        idle,
        restart,
        memory_restarted: self::memory(lab)?,
    })
}

fn memory(lab: &Lab) -> Result<Memory> {
    let path = format!("/proc/{}/status", lab.netd_process()?);
    let status = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    Ok(Memory {
        resident: field(&status, "VmRSS:")?,
        anonymous: field(&status, "RssAnon:")?,
    })
}

fn idle_for(lab: &Lab, duration: Duration) -> Result<Idle> {
    let process = lab.netd_process()?;
    let pid = Pid::from_raw(process.try_into().context("process ids are small")?);
    // what the last request left is not idleness: threads without work stay for another ten seconds
    sleep(duration + duration / 2);
    let (before, cpu) = (sleeps(process)?, cost::of_process(pid)?);
    sleep(duration);
    Ok(Idle {
        wakeups: wakeups(&before, &sleeps(process)?),
        cpu: cost::of_process(pid)?.saturating_sub(cpu),
    })
}

/// How often each thread of a process has gone to sleep by itself.
fn sleeps(process: u32) -> Result<HashMap<OsString, u64>> {
    let tasks = format!("/proc/{process}/task");
    let mut sleeps = HashMap::new();
    for task in fs::read_dir(&tasks).with_context(|| format!("cannot list {tasks}"))? {
        let task = task?;
        // a thread may end while they are read
        if let Ok(status) = fs::read_to_string(task.path().join("status")) {
            sleeps.insert(
                task.file_name(),
                field(&status, "voluntary_ctxt_switches:")?,
            );
        }
    }
    Ok(sleeps)
}

/// How often threads woke up: before each sleep, to begin, and to end.
fn wakeups(before: &HashMap<OsString, u64>, after: &HashMap<OsString, u64>) -> u64 {
    let ended = before
        .keys()
        .filter(|thread| !after.contains_key(*thread))
        .count();
    let woke = after
        .iter()
        .map(|(thread, sleeps)| match before.get(thread) {
            Some(earlier) => sleeps - earlier,
            None => sleeps + 1,
        });
    ended as u64 + woke.sum::<u64>()
}

fn field(status: &str, name: &str) -> Result<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix(name));
    let number = value.and_then(|value| value.split_whitespace().next()?.parse().ok());
    number.with_context(|| format!("the kernel does not tell {name}"))
}

fn print(rows: &[Row]) {
    let columns = [
        "endpoints",
        "resident",
        "of it anonymous",
        "goal",
        "idle: wake-ups",
        "idle: CPU",
        "restart",
        "resident then",
        "of it anonymous",
    ];
    let mut table = report::table(&columns);
    let kilobytes = |size: u64| format!("{:.1} MB", size as f64 / 1e3);
    for row in rows {
        table.add_row([
            row.endpoints.to_string(),
            kilobytes(row.memory.resident),
            kilobytes(row.memory.anonymous),
            kilobytes(allowed(row)),
            row.idle.wakeups.to_string(),
            time(row.idle.cpu),
            time(row.restart),
            kilobytes(row.memory_restarted.resident),
            kilobytes(row.memory_restarted.anonymous),
        ]);
    }
    println!("{table}\n");
    let over = rows
        .iter()
        .filter(|row| row.memory.resident > allowed(row))
        .count();
    let goal = format!(
        "at most {} and {} kB an endpoint",
        kilobytes(MEMORY.0),
        MEMORY.1
    );
    report::goal(
        &goal,
        over == 0,
        format_args!("{over} of {} sizes above", rows.len()),
    );
    let most = rows.iter().map(|row| row.idle.wakeups).max().unwrap_or(0);
    report::goal(
        "no wake-ups when idle",
        most == 0,
        format_args!("{most} at most"),
    );
}

fn allowed(row: &Row) -> u64 {
    MEMORY.0 + MEMORY.1 * row.endpoints as u64
}
