//! What work costs: time on the clock, and time of the processors.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

/// How long the kernel goes on deleting what was removed, under the lock that every change of links needs.
const SETTLING: Duration = Duration::from_millis(40);

/// What one piece of work cost.
#[derive(Clone, Copy, Default)]
pub(crate) struct Cost {
    /// From its beginning until it said that it was done.
    pub(crate) wall: Duration,
    /// Of this process and its children, for the work and for what it left to be done after.
    pub(crate) cpu: Duration,
}

/// Does the work, waits until the machine is quiet again, and tells what it cost.
pub(crate) fn measure(work: impl FnOnce() -> Result<()>) -> Result<Cost> {
    let (cpu, begun) = (cpu()?, Instant::now());
    work()?;
    let wall = begun.elapsed();
    sleep(SETTLING);
    let cpu = self::cpu()? - cpu;
    Ok(Cost { wall, cpu })
}

/// The processors' time that this process and its ended children have had.
pub(crate) fn cpu() -> Result<Duration> {
    let used = |who| -> Result<Duration> {
        let usage = getrusage(who).context("cannot learn what was used")?;
        let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
        Ok(Duration::from_micros(micros.unsigned_abs()))
    };
    Ok(used(UsageWho::RUSAGE_SELF)? + used(UsageWho::RUSAGE_CHILDREN)?)
}

/// The processors' time that a process has had with all its threads.
pub(crate) fn of_process(process: Pid) -> Result<Duration> {
    let clock = clock_getcpuclockid(process).context("the process has no clock")?;
    Ok(clock_gettime(clock)
        .context("cannot read the process's clock")?
        .into())
}

/// The median of each part; nothing if nothing was measured.
pub(crate) fn median(costs: &[Cost]) -> Cost {
    Cost {
        wall: middle(costs.iter().map(|cost| cost.wall)),
        cpu: middle(costs.iter().map(|cost| cost.cpu)),
    }
}

fn middle(values: impl Iterator<Item = Duration>) -> Duration {
    let mut values: Vec<_> = values.collect();
    values.sort();
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// How many times `b` goes into `a`.
pub(crate) fn ratio(a: Duration, b: Duration) -> f64 {
    a.as_secs_f64() / b.as_secs_f64().max(1e-9)
}
