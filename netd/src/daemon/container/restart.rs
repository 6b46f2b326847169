//! Restart policies: what ended is started again, later each time, by whichever daemon is there.
//!
//! ```text
//! Exited --policy says so--> waits 100 ms, 200 ms, ... 1 min --> Running
//!            (a run of ten seconds begins anew with 100 ms)
//! ```
//!
//! As moby does it (daemon/internal/restartmanager). The monitor of a container knows nothing of it, so a container that
//! ends while no daemon runs is started again by the next one.

use std::sync::Arc;
use std::time::Duration;

use bollard_stubs::models::{HostConfig, RestartPolicyNameEnum as Name};
use jiff::{SignedDuration, Timestamp};
use rnet_model::ContainerId;
use serde::{Deserialize, Serialize};

use super::namespaces::Mode;
use crate::container::{Container, Run};
use crate::daemon::{Daemon, lookup};
use crate::error::{Error, Result};

/// How long the first restart waits; each further one waits twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// How long none waits longer.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// A run of this length was none that failed at once.
const LONG_RUN: SignedDuration = SignedDuration::from_secs(10);

/// How a container was started again, and whether it is to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Restarts {
    /// How often, since somebody started it.
    pub count: u32,
    /// How many of its last runs were short, one after the other.
    pub hasty: u32,
    /// Whether it is about to be.
    pub pending: bool,
    /// Whether somebody stopped it.
    pub stopped: bool,
}

impl Restarts {
    /// What is so after a run that ended, by the policy.
    fn after(self, host: &HostConfig, run: &Run) -> Self {
        let Run::Exited {
            code,
            started,
            finished,
            ..
        } = run
        else {
            return self;
        };
        let short = finished.duration_since(*started) < LONG_RUN;
        Self {
            hasty: if short {
                self.hasty.saturating_add(1)
            } else {
                0
            },
            pending: !self.stopped && self.wanted(host, *code),
            ..self
        }
    }

    /// Whether the policy wants a container again that ended with this code.
    fn wanted(self, host: &HostConfig, code: i64) -> bool {
        let policy = host.restart_policy.clone().unwrap_or_default();
        let most = policy.maximum_retry_count.unwrap_or(0);
        match policy.name {
            Some(Name::ALWAYS) => true,
            Some(Name::UNLESS_STOPPED) => !self.stopped,
            Some(Name::ON_FAILURE) => code != 0 && (most == 0 || i64::from(self.count) < most),
            _ => false,
        }
    }

    fn wait(self) -> Duration {
        let doubled = 1_u32 << self.hasty.saturating_sub(1).min(16);
        FIRST_WAIT.saturating_mul(doubled).min(LONGEST_WAIT)
    }
}

/// Refuses policies that make no sense (moby, api/types/container, `ValidateRestartPolicy`).
pub(super) fn check(host: &HostConfig) -> Result<()> {
    let policy = host.restart_policy.clone().unwrap_or_default();
    let name = policy.name.unwrap_or(Name::EMPTY);
    let most = policy.maximum_retry_count.unwrap_or(0);
    if most < 0 {
        return Err(Error::invalid(
            "invalid restart policy: maximum retry count cannot be negative",
        ));
    }
    if most > 0 && name != Name::ON_FAILURE {
        return Err(Error::invalid(
            "invalid restart policy: maximum retry count can only be used with 'on-failure'",
        ));
    }
    let restarts = !matches!(name, Name::EMPTY | Name::NO);
    if restarts && host.auto_remove.unwrap_or(false) {
        return Err(Error::invalid(
            "can't create 'AutoRemove' container with restart policy",
        ));
    }
    Ok(())
}

/// The same, of a policy that is changed.
pub(super) fn check_update(host: &HostConfig) -> Result<()> {
    check(host).map_err(|error| match host.auto_remove {
        Some(true) => Error::Conflict(
            "Restart policy cannot be updated because AutoRemove is enabled for the container"
                .into(),
        ),
        _ => error,
    })
}

impl Daemon {
    /// Decides, of a container whose run has ended, whether it is to be started again; the caller records it.
    pub(super) fn decide_restart(container: &mut Container) {
        container.restarts = container
            .restarts
            .after(&container.host_config, &container.run);
    }

    /// Starts a container again in its time, if it is about to be.
    pub(super) fn restart_pending(self: &Arc<Self>, id: ContainerId) {
        let pending = |it: &&Container| it.is_restarting();
        if let Some(container) = self.read(|state| state.container(id).filter(pending).cloned()) {
            self.restart_later(&container);
        }
    }

    /// Starts a container again that is to be, after the time that takes; whoever stops, starts or removes it
    /// meanwhile is heeded.
    fn restart_later(self: &Arc<Self>, container: &Container) {
        let Run::Exited { finished, .. } = container.run else {
            return;
        };
        let (daemon, id, wait) = (Arc::clone(self), container.id, container.restarts.wait());
        self.tasks.spawn(async move {
            tokio::time::sleep(wait).await;
            let restarted = tokio::task::spawn_blocking(move || daemon.restart_now(id, finished));
            if let Ok(Err(error)) = restarted.await {
                tracing::warn!(container = id.short(), "not restarted: {}", error.chain());
            }
        });
    }

    fn restart_now(self: &Arc<Self>, id: ContainerId, ended: Timestamp) -> Result<()> {
        let waiting = self.lives.hold(id, || {
            let Ok(mut container) = self.find_container(&id.to_string()) else {
                return Ok(None);
            };
            let same = matches!(container.run, Run::Exited { finished, .. } if finished == ended);
            if !same || !container.restarts.pending {
                return Ok(None);
            }
            if self.waits_for_another(&container) {
                return Ok(Some(container));
            }
            container.restarts.count = container.restarts.count.saturating_add(1);
            container.restarts.pending = false;
            match self.run_or_undo(container) {
                Ok(()) => Ok(None),
                Err(error) => {
                    tracing::warn!(container = id.short(), "restart failed: {}", error.chain());
                    // what cannot be started is not tried again (moby, daemon/monitor.go, `handleContainerExit`)
                    let mut container = self.find_container(&id.to_string())?;
                    if let Run::Exited {
                        started,
                        finished,
                        error: reason,
                        ..
                    } = &mut container.run
                    {
                        let now = Timestamp::now();
                        (*started, *finished) = (now, now);
                        *reason = error.chain();
                    }
                    container.restarts.pending = false;
                    self.put_container(container)?;
                    Ok::<_, Error>(None)
                }
            }
        })?;
        if let Some(container) = waiting {
            self.restart_later(&container);
        }
        Ok(())
    }

    /// Whether a container needs one to run that is about to be started, as all are after a start of the machine.
    fn waits_for_another(&self, container: &Container) -> bool {
        let host = &container.host_config;
        let donors = [&host.network_mode, &host.pid_mode, &host.ipc_mode];
        let donors = donors.into_iter().filter_map(|mode| match Mode::of(mode) {
            Mode::Container(donor) => Some(donor),
            Mode::Own | Mode::Host => None,
        });
        self.read(|state| {
            let mut donors = donors.filter_map(|donor| lookup::container(state, donor).ok());
            donors.any(|donor| donor.id != container.id && donor.is_restarting())
        })
    }

    /// Notes that somebody wants a container to be stopped, so that it stays so; whether it was about to be restarted.
    pub(super) fn note_stop(&self, id: ContainerId) -> Result<bool> {
        let mut state = self.state();
        let Some(mut container) = state.container(id).cloned() else {
            return Ok(false);
        };
        let was_pending = container.restarts.pending;
        container.restarts.stopped = true;
        container.restarts.pending = false;
        let change = crate::state::Change::PutContainer(Box::new(container));
        self.commit(&mut state, vec![change])?;
        Ok(was_pending)
    }

    /// Starts, after a start of the daemon, what the policies want to run: also what was to be started when the last
    /// daemon ended, and with `always` what somebody had stopped.
    pub(in crate::daemon) fn restart_all(self: &Arc<Self>) -> Result<()> {
        let wanted: Vec<Container> = self.read(|state| {
            let wanted = state.containers().filter(|it| match it.run {
                Run::Exited { code, .. } => it.restarts.wanted(&it.host_config.unpack(), code),
                _ => false,
            });
            wanted.cloned().collect()
        });
        for mut container in wanted {
            container.restarts.pending = true;
            self.put_container(container.clone())?;
            self.restart_later(&container);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bollard_stubs::models::RestartPolicy;

    use super::*;

    fn pending(name: Name, most: i64, code: i64, restarts: Restarts) -> bool {
        let host = HostConfig {
            restart_policy: Some(RestartPolicy {
                name: Some(name),
                maximum_retry_count: Some(most),
            }),
            ..HostConfig::default()
        };
        let now = Timestamp::now();
        let run = Run::Exited {
            code,
            oom: false,
            started: now,
            finished: now,
            error: String::new(),
        };
        restarts.after(&host, &run).pending
    }

    #[test]
    fn the_policy_the_exit_code_and_the_user_decide() {
        let (fresh, twice) = (
            Restarts::default(),
            Restarts {
                count: 2,
                ..Restarts::default()
            },
        );
        let stopped = Restarts {
            stopped: true,
            ..fresh
        };
        for (name, most, code, restarts, expected) in [
            (Name::NO, 0, 1, fresh, false),
            (Name::EMPTY, 0, 1, fresh, false),
            (Name::ALWAYS, 0, 0, fresh, true),
            (Name::ALWAYS, 0, 0, stopped, false),
            (Name::UNLESS_STOPPED, 0, 0, fresh, true),
            (Name::ON_FAILURE, 0, 0, fresh, false),
            (Name::ON_FAILURE, 0, 1, twice, true),
            (Name::ON_FAILURE, 3, 1, twice, true),
            (Name::ON_FAILURE, 2, 1, twice, false),
        ] {
            assert_eq!(
                pending(name, most, code, restarts),
                expected,
                "{name} {most} {code} {restarts:?}"
            );
        }
    }

    #[test]
    fn each_short_run_doubles_the_wait_up_to_a_minute() {
        let wait = |hasty| {
            Restarts {
                hasty,
                ..Restarts::default()
            }
            .wait()
            .as_millis()
        };
        let waits = [0, 1, 2, 3, 10, 11, 1000].map(wait);
        assert_eq!(waits, [100, 100, 200, 400, 51_200, 60_000, 60_000]);
    }
}
