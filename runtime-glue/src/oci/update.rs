//! `update`: other limits for a container that is there.

use std::fs;
use std::io::Read;

use super::args::Update;
use super::check::unsupported;
use super::config::Resources;
use super::resources;
use super::state::{Status, Store};
use crate::RuntimeError;

/// Sets what is given, and leaves the rest as it is.
pub(super) fn update(store: &Store, args: &Update) -> Result<(), RuntimeError> {
    let container = store.find(&args.id)?;
    if container.status()? == Status::Stopped {
        return Err(RuntimeError::NotAlive);
    }
    let mut asked = match &args.resources {
        None => Resources::default(),
        Some(path) => {
            let text = if path.as_os_str() == "-" {
                let mut text = String::new();
                std::io::stdin().read_to_string(&mut text).map(|_| text)
            } else {
                fs::read_to_string(path)
            };
            let text = text.map_err(RuntimeError::file("read", path))?;
            serde_json::from_str(&text).map_err(|source| RuntimeError::Parse {
                path: path.clone(),
                source,
            })?
        }
    };
    if asked.devices.iter().any(|rule| rule.allow) {
        return Err(unsupported(
            "to change the devices of a container by update",
        ));
    }
    let (memory, cpu) = (&mut asked.memory, &mut asked.cpu);
    memory.limit = args.memory.or(memory.limit);
    memory.reservation = args.memory_reservation.or(memory.reservation);
    memory.swap = args.memory_swap.or(memory.swap);
    cpu.quota = args.cpu_quota.or(cpu.quota);
    cpu.period = args.cpu_period.or(cpu.period);
    cpu.shares = args.cpu_shares.or(cpu.shares);
    cpu.cpus = args.cpuset_cpus.clone().or(cpu.cpus.take());
    cpu.mems = args.cpuset_mems.clone().or(cpu.mems.take());
    asked.block_io.weight = args.blkio_weight.or(asked.block_io.weight);
    asked.pids.limit = args.pids_limit.or(asked.pids.limit);
    resources::apply(&container.cgroup()?, &asked)
}
