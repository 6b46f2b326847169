//! What a container uses: its control group's account, and its interfaces' counters.

use std::collections::BTreeMap;
use std::fs;

use jiff::Timestamp;
use rnet_runtime_glue::Usage;

use super::donors::network_owner;
use crate::container::{Container, NetworkMode, Run};
use crate::daemon::Daemon;
use crate::error::Result;

/// What a container used by one moment; all of it empty where it does not run.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The container.
    pub container: Container,
    /// The moment.
    pub taken: Timestamp,
    /// What its control group counts.
    pub usage: Usage,
    /// The counters of its interfaces, by their names inside; the loopback and a host's are left out.
    pub interfaces: BTreeMap<String, Counters>,
    /// The CPU time of the whole machine, in nanoseconds.
    pub machine_cpu: u64,
}

/// The counters of one interface.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// What came in.
    pub received: Traffic,
    /// What went out.
    pub sent: Traffic,
}

/// Traffic in one direction.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Traffic {
    /// Bytes.
    pub bytes: u64,
    /// Packets.
    pub packets: u64,
    /// Packets that were broken.
    pub errors: u64,
    /// Packets that were dropped.
    pub dropped: u64,
}

impl Daemon {
    /// What a container uses now.
    pub fn sample(&self, reference: &str) -> Result<Sample> {
        let container = self.find_container(reference)?;
        let taken = Timestamp::now();
        let (usage, interfaces) = match container.run {
            Run::Running { pid, .. } if pid != 0 => {
                // it may end while we look: then there is nothing to see
                let usage = self.runtime.usage(&container.id).unwrap_or_default();
                let on_host = self.read(|state| {
                    network_owner(state, &container).network_mode == NetworkMode::Host
                });
                let table = (!on_host).then(|| fs::read_to_string(format!("/proc/{pid}/net/dev")));
                let table = table.and_then(|table| table.ok());
                (usage, interfaces(&table.unwrap_or_default()))
            }
            _ => <_>::default(),
        };
        let machine_cpu = machine_cpu(&fs::read_to_string("/proc/stat").unwrap_or_default());
        Ok(Sample {
            container,
            taken,
            usage,
            interfaces,
            machine_cpu,
        })
    }
}

/// The table of /proc/net/dev (proc_pid_net(5)).
fn interfaces(table: &str) -> BTreeMap<String, Counters> {
    let line = |line: &str| {
        let (name, numbers) = line.split_once(':')?;
        let numbers: Vec<u64> = numbers
            .split_whitespace()
            .filter_map(|number| number.parse().ok())
            .collect();
        let traffic = |at: usize| {
            let numbers = numbers.get(at..at + 4)?;
            Some(Traffic {
                bytes: numbers[0],
                packets: numbers[1],
                errors: numbers[2],
                dropped: numbers[3],
            })
        };
        let counters = Counters {
            received: traffic(0)?,
            sent: traffic(8)?,
        };
        Some((name.trim().to_owned(), counters))
    };
    let all = table.lines().filter_map(line);
    all.filter(|(name, _)| name != "lo").collect()
}

/// User to steal of the first line of /proc/stat (proc_stat(5)); guests are counted in user already.
fn machine_cpu(stat: &str) -> u64 {
    /// Clock ticks are hundredths of a second on every Linux (USER_HZ).
    const TICK_NS: u64 = 10_000_000;
    let first = stat.lines().next().unwrap_or_default();
    let ticks = first.split_whitespace().skip(1).take(8);
    ticks
        .filter_map(|tick| tick.parse::<u64>().ok())
        .sum::<u64>()
        * TICK_NS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_tables_are_read() {
        let table = "Inter-| Receive\n face |bytes packets errs drop fifo frame compressed multicast|bytes\n\
                     \x20   lo: 9 9 9 9 0 0 0 0 9 9 9 9 0 0 0 0\n\
                     \x20 eth0: 1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0\n";
        let found = interfaces(table);
        assert_eq!(found.keys().collect::<Vec<_>>(), ["eth0"]);
        let Counters { received, sent } = found["eth0"];
        assert_eq!((received.bytes, received.dropped), (1, 4));
        assert_eq!((sent.bytes, sent.packets), (5, 6));
        assert_eq!(
            machine_cpu("cpu  1 2 3 4 5 6 7 8 100 100\ncpu0 1"),
            360_000_000
        );
    }
}
