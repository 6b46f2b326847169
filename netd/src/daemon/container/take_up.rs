//! After a start: containers that outlived the last daemon are watched again, the others' ends are recorded.

use std::collections::BTreeSet;
use std::sync::Arc;

use rnet_model::ContainerId;
use rnet_runtime_glue::ContainerState;

use crate::container::Run;
use crate::daemon::Daemon;
use crate::error::{Result, chain};

impl Daemon {
    /// Watches the containers that outlived the last daemon, records the end of those that did not, and lets the
    /// runtime forget all others.
    pub(in crate::daemon) fn take_up_containers(self: &Arc<Self>) -> Result<()> {
        let running: BTreeSet<ContainerId> = self.read(|state| {
            let running = state.containers().filter(|it| it.run.is_running());
            running.map(|container| container.id).collect()
        });
        for id in &running {
            let taken_up = match self.runtime.state(id) {
                Ok(ContainerState::Running { .. }) => {
                    if let Some(container) = self.read(|state| state.container(*id).cloned()) {
                        self.check_health(&container);
                    }
                    self.watch(*id)
                }
                // ended, lost, or created and never started
                _ => self.finish(*id),
            };
            if let Err(error) = taken_up {
                tracing::error!(container = id.short(), "not taken up: {}", chain(&error));
            }
        }
        // the last daemon died between the end of one and its removal
        let ended: Vec<ContainerId> = self.read(|state| {
            let ended = state
                .containers()
                .filter(|it| matches!(it.run, Run::Exited { .. }));
            ended.map(|container| container.id).collect()
        });
        for id in ended {
            if let Err(error) = self.auto_remove(id) {
                tracing::error!(container = id.short(), "not removed: {}", chain(&error));
            }
        }
        let known = self.runtime.list()?;
        known
            .into_iter()
            .filter(|id| !running.contains(id))
            .for_each(|id| self.forget_run(id));
        Ok(())
    }
}
