//! `stats`: what containers use, once or again and again.

use std::io::{IsTerminal, stdout};

use bollard::models::{ContainerCpuStats, ContainerMemoryStats, ContainerStatsResponse};
use bollard::query_parameters::ListContainersOptions;
use clap::Args;
use futures_util::future::join_all;
use hyper::Method;
use serde_json::{Value, json};

use crate::api::{self, Api, segment};
use crate::error::Result;
use crate::show::listing::{Listing, Shown};
use crate::show::{human, output};

const USAGE: Listing = Listing {
    fields: &[
        ("ID", "CONTAINER ID"),
        ("Container", "CONTAINER"),
        ("Name", "NAME"),
        ("CPUPerc", "CPU %"),
        ("MemUsage", "MEM USAGE / LIMIT"),
        ("MemPerc", "MEM %"),
        ("NetIO", "NET I/O"),
        ("BlockIO", "BLOCK I/O"),
        ("PIDs", "PIDS"),
    ],
    table: "table {{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}",
};

/// Moves a terminal's cursor home, and erases what is below.
const CLEAR: &str = "\x1b[H\x1b[J";

/// Show what containers use
#[derive(Args)]
pub(crate) struct Stats {
    /// Show stopped containers too
    #[arg(short, long)]
    all: bool,
    /// Show it once
    #[arg(long)]
    no_stream: bool,
    #[command(flatten)]
    shown: Shown,
    /// Names or ids; all that run if there are none
    #[arg(value_name = "CONTAINER")]
    containers: Vec<String>,
}

impl Stats {
    pub(crate) async fn run(self, api: &Api) -> Result<u8> {
        let refreshes = !self.no_stream && stdout().is_terminal();
        loop {
            let rows = self.rows(api).await?;
            if refreshes {
                output::text(CLEAR)?;
            }
            USAGE.show(&rows, &self.shown)?;
            if self.no_stream {
                return Ok(0);
            }
        }
    }

    /// One row a container; the daemon takes a second to tell how busy each is.
    async fn rows(&self, api: &Api) -> Result<Vec<Value>> {
        let mut wanted = self.containers.clone();
        if wanted.is_empty() {
            let options = ListContainersOptions {
                all: self.all,
                ..ListContainersOptions::default()
            };
            let containers = api.docker.list_containers(Some(options)).await?;
            wanted.extend(containers.into_iter().filter_map(|container| container.id));
        }
        let samples = wanted.iter().map(async |container| {
            let path = format!("/containers/{}/stats?stream=0", segment(container));
            let answer = api.open(Method::GET, &path).await?;
            let stats: ContainerStatsResponse = api::read(answer).await?;
            Ok(row(container, &stats, self.shown.no_trunc))
        });
        join_all(samples).await.into_iter().collect()
    }
}

fn row(asked: &str, stats: &ContainerStatsResponse, no_trunc: bool) -> Value {
    let id = stats.id.as_deref().unwrap_or_default();
    let name = stats.name.as_deref().unwrap_or_default();
    let memory = stats.memory_stats.as_ref();
    let (used, limit) = (
        memory.map_or(0, without_cache),
        memory.and_then(|it| it.limit).unwrap_or(0),
    );
    let (received, sent) = network(stats);
    let (read, written) = disks(stats);
    let pids = stats.pids_stats.as_ref().and_then(|pids| pids.current);
    let size = |bytes: u64| human::size(i64::try_from(bytes).unwrap_or(i64::MAX));
    json!({
        "ID": if no_trunc { id } else { human::short(id) },
        "Container": asked,
        "Name": name.trim_start_matches('/'),
        "CPUPerc": format!("{:.2}%", cpu_percent(stats)),
        "MemUsage": format!("{} / {}", human::binary_size(used), human::binary_size(limit)),
        "MemPerc": format!("{:.2}%", percent(used, limit)),
        "NetIO": format!("{} / {}", size(received), size(sent)),
        "BlockIO": format!("{} / {}", size(read), size(written)),
        "PIDs": pids.unwrap_or(0).to_string(),
    })
}

fn percent(part: u64, whole: u64) -> f64 {
    match whole {
        0 => 0.0,
        whole => 100.0 * part as f64 / whole as f64,
    }
}

/// Of one processor: two that are busy are 200 %.
fn cpu_percent(stats: &ContainerStatsResponse) -> f64 {
    let used = |cpu: &ContainerCpuStats| cpu.cpu_usage.as_ref()?.total_usage;
    let between = |count: fn(&ContainerCpuStats) -> Option<u64>| {
        let now = count(stats.cpu_stats.as_ref()?)?;
        let before = count(stats.precpu_stats.as_ref()?)?;
        Some(now.saturating_sub(before))
    };
    let cpus = stats.cpu_stats.as_ref().and_then(|cpu| cpu.online_cpus);
    let machine = between(|cpu| cpu.system_cpu_usage).unwrap_or(0);
    percent(between(used).unwrap_or(0), machine) * f64::from(cpus.unwrap_or(1))
}

/// What is in use but for files that can be read again: the kernel frees those first.
fn without_cache(memory: &ContainerMemoryStats) -> u64 {
    let usage = memory.usage.unwrap_or(0);
    let of = |name| memory.stats.as_ref()?.get(name).copied();
    let cache = of("total_inactive_file").or_else(|| of("inactive_file"));
    usage.saturating_sub(cache.unwrap_or(0))
}

fn network(stats: &ContainerStatsResponse) -> (u64, u64) {
    let interfaces = stats.networks.iter().flatten();
    interfaces.fold((0, 0), |(received, sent), (_, it)| {
        (
            received + it.rx_bytes.unwrap_or(0),
            sent + it.tx_bytes.unwrap_or(0),
        )
    })
}

fn disks(stats: &ContainerStatsResponse) -> (u64, u64) {
    let entries = stats.blkio_stats.iter();
    let entries = entries.flat_map(|it| it.io_service_bytes_recursive.iter().flatten());
    entries.fold((0, 0), |(read, written), entry| {
        let bytes = entry.value.unwrap_or(0);
        match entry.op.as_deref() {
            Some("read") => (read + bytes, written),
            Some("write") => (read, written + bytes),
            _ => (read, written),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_becomes_a_row() {
        let stats = json!({
            "id": "0123456789abcdef", "name": "/web",
            "cpu_stats": {"cpu_usage": {"total_usage": 1_500}, "system_cpu_usage": 10_000, "online_cpus": 2},
            "precpu_stats": {"cpu_usage": {"total_usage": 500}, "system_cpu_usage": 8_000, "online_cpus": 2},
            "memory_stats": {"usage": 3 << 20, "limit": 8 << 20, "stats": {"inactive_file": 1 << 20}},
            "networks": {"eth0": {"rx_bytes": 1_500, "tx_bytes": 10}, "eth1": {"rx_bytes": 500}},
            "blkio_stats": {"io_service_bytes_recursive": [{"op": "read", "value": 4096}]},
            "pids_stats": {"current": 3},
        });
        let shown = row("web", &serde_json::from_value(stats).unwrap(), false);
        let expected = json!({
            "ID": "0123456789ab", "Container": "web", "Name": "web", "CPUPerc": "100.00%",
            "MemUsage": "2MiB / 8MiB", "MemPerc": "25.00%", "NetIO": "2.00kB / 10B",
            "BlockIO": "4.10kB / 0B", "PIDs": "3",
        });
        assert_eq!(shown, expected);
    }
}
