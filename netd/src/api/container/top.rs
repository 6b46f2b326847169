//! The processes of a container, as the host's /proc tells of them.

use std::fs;

use axum::Json;
use axum::extract::{Path, State};
use bollard_stubs::models::ContainerTopResponse;

use crate::api::{Answer, Api};
use crate::container::Run;
use crate::error::{Error, Result};

pub(super) async fn top(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Answer<Json<ContainerTopResponse>> {
    let processes = api.run(move |daemon| {
        let container = daemon.find_container(&id)?;
        match container.run {
            Run::Running { pid, .. } if pid != 0 => processes(pid),
            _ => Err(Error::Conflict(format!(
                "container {} is not running",
                container.id
            ))),
        }
    });
    Ok(Json(ContainerTopResponse {
        titles: Some(
            ["UID", "PID", "PPID", "CMD"]
                .map(ToOwned::to_owned)
                .to_vec(),
        ),
        processes: Some(processes.await?),
    }))
}

/// Every process that shares the pid namespace of `init`.
fn processes(init: u32) -> Result<Vec<Vec<String>>> {
    let namespace = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
    let own = namespace(&init.to_string());
    let failed = |source| Error::File {
        path: "/proc".into(),
        source,
    };
    let entries = fs::read_dir("/proc").map_err(failed)?;
    let mut pids: Vec<u32> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid: &u32| own.is_some() && namespace(&pid.to_string()) == own)
        .collect();
    pids.sort_unstable();
    Ok(pids.into_iter().filter_map(process).collect())
}

/// One line; none when the process is gone meanwhile.
fn process(pid: u32) -> Option<Vec<String>> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next().map(str::to_owned)
    };
    let words = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let command = String::from_utf8_lossy(&words)
        .trim_end_matches('\0')
        .replace('\0', " ");
    let command = if command.is_empty() {
        format!("[{}]", field("Name:")?)
    } else {
        command
    };
    Some(vec![
        field("Uid:")?,
        pid.to_string(),
        field("PPid:")?,
        command,
    ])
}
