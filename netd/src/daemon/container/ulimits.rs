//! What each process of a container may use up.

use bollard_stubs::models::HostConfig;
use rnet_runtime_glue::spec::ProcessLimit;

use crate::error::{Error, Result};

/// What `--ulimit` asks for; -1 stands for as much as there is.
pub(super) fn ulimits(host: &HostConfig) -> Result<Vec<ProcessLimit>> {
    let asked = host.ulimits.iter().flatten();
    let limits = asked.map(|asked| {
        let name = asked.name.as_deref().unwrap_or_default();
        let resource =
            name.parse()
                .map_err(|error: rnet_runtime_glue::spec::UnknownResource| {
                    Error::invalid(error.to_string())
                })?;
        let (soft, hard) = (asked.soft.unwrap_or(-1), asked.hard.unwrap_or(-1));
        if hard != -1 && (soft == -1 || soft > hard) {
            return Err(Error::invalid(format!(
                "ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}"
            )));
        }
        if soft < -1 || hard < -1 {
            return Err(Error::invalid(format!(
                "invalid ulimit {name}: -1 or more is expected"
            )));
        }
        Ok(ProcessLimit {
            resource,
            soft: u64::try_from(soft).ok(),
            hard: u64::try_from(hard).ok(),
        })
    });
    limits.collect()
}

/// Refuses what cannot be.
pub(super) fn check(host: &HostConfig) -> Result<()> {
    ulimits(host)?;
    if let Some(bytes) = host.shm_size.filter(|bytes| *bytes < 0) {
        return Err(Error::invalid(format!(
            "SHM size can not be less than 0: {bytes}"
        )));
    }
    match host.oom_score_adj {
        Some(score) if !(-1000..=1000).contains(&score) => Err(Error::invalid(format!(
            "Invalid value {score}, range for oom score adj is [-1000, 1000]"
        ))),
        _ => Ok(()),
    }
}
