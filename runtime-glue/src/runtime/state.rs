//! Where a container is in its life, from what was written down and who still runs.

use jiff::Timestamp;
use rnet_model::ContainerId;

use super::Runtime;
use crate::record::{self, Exit};
use crate::{RuntimeError, Spec};

/// Where a container is in its life.
///
/// ```text
/// create --> Created --start--> Running --the first process ends--> Exited
///               |                  |
///               +---- the monitor is killed, and all with it -----> Lost
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ContainerState {
    /// Its first process waits to be started.
    Created {
        /// The first process.
        pid: u32,
    },
    /// Its program runs.
    Running {
        /// The first process.
        pid: u32,
        /// When it was started.
        started: Timestamp,
    },
    /// It has ended.
    Exited(Exit),
    /// It has ended, and nobody knows how.
    Lost,
}

impl Runtime {
    /// Where a container is in its life.
    pub fn state(&self, id: &ContainerId) -> Result<ContainerState, RuntimeError> {
        let exit = || record::read::<Exit>(&self.directory(id).join(record::EXIT));
        let life = self.life(id)?;
        if let Some(exit) = exit()? {
            return Ok(ContainerState::Exited(exit));
        }
        match life.filter(|life| life.shim.descriptor().is_some()) {
            Some(life) => Ok(match life.started {
                Some(started) => ContainerState::Running {
                    pid: life.init,
                    started,
                },
                None => ContainerState::Created { pid: life.init },
            }),
            // it may have written its record and gone since we looked for it
            None => Ok(exit()?.map_or(ContainerState::Lost, ContainerState::Exited)),
        }
    }

    /// What a container was created from.
    pub fn spec(&self, id: &ContainerId) -> Result<Spec, RuntimeError> {
        let spec = record::read(&self.directory(id).join(record::SPEC))?;
        spec.ok_or(RuntimeError::UnknownContainer { id: *id })
    }
}
