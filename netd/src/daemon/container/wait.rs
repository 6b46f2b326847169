//! Waiting for a container to end, and what happens when it does.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use rnet_model::{ContainerId, Endpoint, NetworkId, SandboxId};
use rnet_runtime_glue::{ContainerState, RuntimeError};
use tokio::io::Interest;
use tokio::sync::broadcast;

use crate::container::{Container, Run};
use crate::daemon::Daemon;
use crate::error::{Error, Result, chain};
use crate::event::Event;
use crate::fd::watched;
use crate::state::State;

/// What a client waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum WaitCondition {
    /// That the container does not run: at once where it does not.
    #[default]
    NotRunning,
    /// That it ends the next time, even where it does not run yet.
    NextExit,
    /// That it is removed.
    Removed,
}

/// How a container ended.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Exit {
    /// Its exit code.
    pub code: i64,
    /// Why it could not be started, or empty.
    pub error: String,
}

/// Someone who waits: nothing that happens after it was made is missed.
pub struct ExitWatch {
    daemon: Arc<Daemon>,
    container: ContainerId,
    condition: WaitCondition,
    events: broadcast::Receiver<Event>,
    last: Exit,
}

impl ExitWatch {
    /// Waits for the condition.
    pub async fn exit(mut self) -> Exit {
        if self.condition == WaitCondition::NotRunning && !self.runs() {
            return self.last;
        }
        let id = self.container.to_string();
        loop {
            let ended = match self.events.recv().await {
                Ok(event) if event.id != id => false,
                Ok(event) if event.action == "die" => {
                    // `--rm` may have taken the record away by now; the event tells the code as well
                    let told = event.attributes.get("exitCode");
                    let code = told.and_then(|code| code.parse().ok());
                    self.last = self.read_exit().unwrap_or(Exit {
                        code: code.unwrap_or(self.last.code),
                        ..self.last
                    });
                    self.condition != WaitCondition::Removed
                }
                Ok(event) => event.action == "destroy",
                // too many events at once: look at the container instead
                Err(broadcast::error::RecvError::Lagged(_)) => !self.runs(),
                Err(broadcast::error::RecvError::Closed) => true,
            };
            if ended {
                return self.last;
            }
        }
    }

    fn runs(&mut self) -> bool {
        let runs = self.daemon.read(|state| {
            state
                .container(self.container)
                .is_some_and(|container| container.run.is_running())
        });
        if !runs {
            self.last = self.read_exit().unwrap_or_default();
        }
        runs
    }

    fn read_exit(&self) -> Option<Exit> {
        self.daemon
            .read(|state| match &state.container(self.container)?.run {
                Run::Exited { code, error, .. } => Some(Exit {
                    code: *code,
                    error: error.clone(),
                }),
                _ => None,
            })
    }
}

impl Daemon {
    /// Begins to wait for a container.
    pub fn watch_exit(
        self: &Arc<Self>,
        reference: &str,
        condition: WaitCondition,
    ) -> Result<ExitWatch> {
        let events = self.events.subscribe();
        let container = self.find_container(reference)?.id;
        let last = Exit::default();
        Ok(ExitWatch {
            daemon: Arc::clone(self),
            container,
            condition,
            events,
            last,
        })
    }

    /// Sees to it that a running container's end is noticed.
    pub(in crate::daemon) fn watch(self: &Arc<Self>, id: ContainerId) -> Result<()> {
        let monitor = self.runtime.exit_fd(&id)?;
        let daemon = Arc::clone(self);
        self.tasks.spawn(async move {
            // a pidfd is readable once its process has ended
            match watched(monitor, Interest::READABLE) {
                Ok(monitor) => drop(monitor.readable().await),
                Err(error) => tracing::error!(container = id.short(), "not watched: {error}"),
            }
            let finished = tokio::task::spawn_blocking(move || {
                daemon.finish(id)?;
                daemon.restart_pending(id);
                Ok::<_, Error>(())
            })
            .await;
            if let Ok(Err(error)) = finished {
                tracing::error!(
                    container = id.short(),
                    "end not recorded: {}",
                    error.chain()
                );
            }
        });
        Ok(())
    }

    /// Records how a container ended and removes all it no longer needs.
    pub(in crate::daemon) fn finish(self: &Arc<Self>, id: ContainerId) -> Result<()> {
        let ended = self.lives.hold(id, || {
            let Some(container) = self.read(|state| state.container(id).cloned()) else {
                return Ok(None);
            };
            let Run::Running {
                sandbox, started, ..
            } = container.run
            else {
                return Ok(None);
            };
            let state = match self.runtime.state(&id) {
                Ok(ContainerState::Running { .. }) => return Ok(None),
                // a daemon or the machine died before the run began, or while its end was recorded
                Err(RuntimeError::UnknownContainer { .. }) => ContainerState::Lost,
                state => state?,
            };
            let addresses = sandbox.map(|sandbox| self.read(|state| held(state, sandbox)));
            if let Some(sandbox) = sandbox {
                self.undo(sandbox, &[], true);
            }
            // somebody may have stopped it meanwhile
            let Some(now) = self.read(|state| state.container(id).cloned()) else {
                return Ok(None);
            };
            let mut container = Container {
                addresses: addresses.unwrap_or_default(),
                run: ended(&state, started),
                ..now
            };
            Self::decide_restart(&mut container);
            // the exit code is on record before the runtime forgets it
            self.put_container(container.clone())?;
            self.forget_run(id);
            Ok::<_, Error>(Some(container))
        })?;
        let Some(container) = ended else {
            return Ok(());
        };
        if let Run::Exited { code, oom, .. } = &container.run {
            if *oom {
                self.tell_of_container("oom", &container, []);
            }
            self.tell_of_container("die", &container, [("exitCode", code.to_string())]);
        }
        self.auto_remove(id)
    }

    /// Lets the runtime forget a run that has ended; what it fails at is done again by the next daemon.
    pub(super) fn forget_run(&self, id: ContainerId) {
        if let Err(error) = self.runtime.remove(&id) {
            tracing::warn!(
                container = id.short(),
                "not removed whole: {}",
                chain(&error)
            );
        }
    }
}

/// The addresses a sandbox has, by network.
fn held(state: &State, sandbox: SandboxId) -> BTreeMap<NetworkId, Vec<IpAddr>> {
    let endpoints = state.endpoints_of(sandbox);
    let addresses = |it: &Endpoint| it.addresses.iter().map(|cidr| cidr.ip()).collect();
    endpoints.map(|it| (it.network, addresses(it))).collect()
}

/// What a record says of a run that ended this way.
fn ended(state: &ContainerState, started: Timestamp) -> Run {
    match state {
        ContainerState::Exited(exit) => Run::Exited {
            code: exit.code.into(),
            oom: exit.oom,
            started,
            finished: exit.finished,
            error: String::new(),
        },
        _ => Run::Exited {
            code: 137,
            oom: false,
            started,
            finished: Timestamp::now(),
            error: "the container's start was interrupted, or its monitor killed".to_owned(),
        },
    }
}
