//! How soon a process gets the disk and the CPU (ioprio_set(2), sched_setattr(2)).

use std::fmt;

use rustix::io::Result;

use super::check::invalid;
use super::config::Process;
use crate::RuntimeError;
use crate::init::{Act, Context};
use crate::sys::{self, Scheduling};

/// Both, as the kernel takes them.
pub(super) struct Priority {
    io: Option<u32>,
    scheduling: Option<Scheduling>,
}

impl Priority {
    pub(super) fn of(process: &Process) -> std::result::Result<Self, RuntimeError> {
        let io = process.io_priority.as_ref().map(|it| {
            let class = match it.class.as_str() {
                "IOPRIO_CLASS_RT" => 1,
                "IOPRIO_CLASS_BE" => 2,
                "IOPRIO_CLASS_IDLE" => 3,
                other => {
                    return Err(invalid(format!(
                        "process.ioPriority.class {other:?} is unknown"
                    )));
                }
            };
            match it.priority {
                0..=7 => Ok(class << 13 | it.priority),
                more => Err(invalid(format!(
                    "process.ioPriority.priority {more} is not 0 to 7"
                ))),
            }
        });
        let scheduling = process.scheduler.as_ref().map(|it| {
            let policy = match it.policy.as_str() {
                "SCHED_OTHER" => 0,
                "SCHED_FIFO" => 1,
                "SCHED_RR" => 2,
                "SCHED_BATCH" => 3,
                "SCHED_ISO" => 4,
                "SCHED_IDLE" => 5,
                "SCHED_DEADLINE" => 6,
                other => {
                    return Err(invalid(format!(
                        "process.scheduler.policy {other:?} is unknown"
                    )));
                }
            };
            let flag = |all: u64, name: &String| match name.as_str() {
                "SCHED_FLAG_RESET_ON_FORK" => Ok(all | 0x01),
                "SCHED_FLAG_RECLAIM" => Ok(all | 0x02),
                "SCHED_FLAG_DL_OVERRUN" => Ok(all | 0x04),
                "SCHED_FLAG_KEEP_POLICY" => Ok(all | 0x08),
                "SCHED_FLAG_KEEP_PARAMS" => Ok(all | 0x10),
                "SCHED_FLAG_UTIL_CLAMP_MIN" => Ok(all | 0x20),
                "SCHED_FLAG_UTIL_CLAMP_MAX" => Ok(all | 0x40),
                other => Err(invalid(format!(
                    "process.scheduler.flags: {other:?} is unknown"
                ))),
            };
            Ok(Scheduling {
                policy,
                flags: it.flags.iter().try_fold(0, flag)?,
                nice: it.nice,
                priority: it.priority,
                runtime: it.runtime,
                deadline: it.deadline,
                period: it.period,
            })
        });
        Ok(Self {
            io: io.transpose()?,
            scheduling: scheduling.transpose()?,
        })
    }
}

impl Act for Priority {
    fn run(&mut self, _: &mut Context) -> Result<()> {
        self.io.map_or(Ok(()), sys::set_io_priority)?;
        self.scheduling.as_ref().map_or(Ok(()), sys::set_scheduling)
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("set the priorities of process.ioPriority and process.scheduler")
    }
}
