//! What a container may use up: options of `run` and `create`, and the command that changes it later.

use bollard::models::{ContainerUpdateBody, HostConfig};
use clap::Args;

use super::lifecycle::each;
use crate::api::{Api, segment};
use crate::error::Result;
use crate::parse::restart::Restart;
use crate::parse::units::{Bytes, NanoCpus, SwapBytes};

/// What the container may use up of the host.
#[derive(Args, Clone)]
#[command(next_help_heading = "Resources")]
pub(crate) struct Limits {
    /// Limit its memory, for instance 256m
    #[arg(short, long, value_name = "BYTES")]
    memory: Option<Bytes>,
    /// Limit its memory and swap together; -1 for no limit
    #[arg(long, value_name = "BYTES", allow_hyphen_values = true)]
    memory_swap: Option<SwapBytes>,
    /// Leave it so much memory when memory is short
    #[arg(long, value_name = "BYTES")]
    memory_reservation: Option<Bytes>,
    /// Limit its processor time, for instance 1.5
    #[arg(long, value_name = "NUMBER")]
    cpus: Option<NanoCpus>,
    /// Weigh it among others that want the processor; they have 1024
    #[arg(long, short = 'c', value_name = "WEIGHT")]
    cpu_shares: Option<i64>,
    /// Measure its processor time out in periods of so long
    #[arg(long, value_name = "MICROSECONDS")]
    cpu_period: Option<i64>,
    /// Limit its processor time in each period; -1 for no limit
    #[arg(long, value_name = "MICROSECONDS", allow_hyphen_values = true)]
    cpu_quota: Option<i64>,
    /// Measure the processor time of its real-time processes out in periods of so long
    #[arg(long, value_name = "MICROSECONDS")]
    cpu_rt_period: Option<i64>,
    /// Limit their processor time in each period
    #[arg(long, value_name = "MICROSECONDS")]
    cpu_rt_runtime: Option<i64>,
    /// Run it on these processors only, for instance 0-2,4
    #[arg(long, value_name = "LIST")]
    cpuset_cpus: Option<String>,
    /// Let it use these memory nodes only
    #[arg(long, value_name = "LIST")]
    cpuset_mems: Option<String>,
    /// Limit the number of its processes; -1 for no limit
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    pids_limit: Option<i64>,
    /// Weigh it among others that want the disks, 10 to 1000
    #[arg(long, value_name = "WEIGHT")]
    blkio_weight: Option<u16>,
}

/// Change what containers may use up
#[derive(Args)]
pub(crate) struct Update {
    #[command(flatten)]
    limits: Limits,
    /// Start them again when they end: no, always, unless-stopped or on-failure[:TIMES]
    #[arg(long, value_name = "POLICY")]
    restart: Option<Restart>,
    /// Names or ids
    #[arg(required = true, value_name = "CONTAINER", help_heading = "Arguments")]
    containers: Vec<String>,
}

impl Limits {
    /// Writes them into what a container is created with.
    pub(crate) fn set(self, host: &mut HostConfig) {
        host.memory = self.memory.map(|bytes| bytes.0);
        host.memory_swap = self.memory_swap.map(|bytes| bytes.0);
        host.memory_reservation = self.memory_reservation.map(|bytes| bytes.0);
        host.nano_cpus = self.cpus.map(|cpus| cpus.0);
        host.cpu_shares = self.cpu_shares;
        host.cpu_period = self.cpu_period;
        host.cpu_quota = self.cpu_quota;
        host.cpu_realtime_period = self.cpu_rt_period;
        host.cpu_realtime_runtime = self.cpu_rt_runtime;
        host.cpuset_cpus = self.cpuset_cpus;
        host.cpuset_mems = self.cpuset_mems;
        host.pids_limit = self.pids_limit;
        host.blkio_weight = self.blkio_weight;
    }
}

impl Update {
    pub(crate) async fn run(self, api: &Api) -> Result<u8> {
        let mut host = HostConfig::default();
        self.limits.set(&mut host);
        let update = ContainerUpdateBody {
            memory: host.memory,
            memory_swap: host.memory_swap,
            memory_reservation: host.memory_reservation,
            nano_cpus: host.nano_cpus,
            cpu_shares: host.cpu_shares,
            cpu_period: host.cpu_period,
            cpu_quota: host.cpu_quota,
            cpu_realtime_period: host.cpu_realtime_period,
            cpu_realtime_runtime: host.cpu_realtime_runtime,
            cpuset_cpus: host.cpuset_cpus,
            cpuset_mems: host.cpuset_mems,
            pids_limit: host.pids_limit,
            blkio_weight: host.blkio_weight,
            restart_policy: self.restart.map(Restart::policy),
            ..ContainerUpdateBody::default()
        };
        each(&self.containers, async |container| {
            let update = update.clone();
            Ok(api
                .docker
                .update_container(&segment(container), update)
                .await?)
        })
        .await
    }
}
