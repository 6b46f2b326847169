//! What a container may use and does use, and holding it still.

use rnet_model::ContainerId;

use super::Runtime;
use crate::RuntimeError;
use crate::cgroup::{Cgroup, Usage};
use crate::limits::Limits;

impl Runtime {
    /// What a container's processes use now.
    pub fn usage(&self, id: &ContainerId) -> Result<Usage, RuntimeError> {
        Ok(self.group(id)?.usage())
    }

    /// Changes limits of a container; those that are none stay as they are.
    ///
    /// What the kernel refuses is an error, and what was set before it stays set.
    pub fn update(&self, id: &ContainerId, limits: &Limits) -> Result<(), RuntimeError> {
        limits.validate()?;
        self.group(id)?.limit(limits)
    }

    /// Holds every process of a container still; returns when they are.
    pub fn pause(&self, id: &ContainerId) -> Result<(), RuntimeError> {
        self.group(id)?.freeze()
    }

    /// Lets the processes of a container go on.
    pub fn resume(&self, id: &ContainerId) -> Result<(), RuntimeError> {
        self.group(id)?.thaw()
    }

    fn group(&self, id: &ContainerId) -> Result<Cgroup, RuntimeError> {
        self.life(id)?;
        self.cgroup(id)
    }
}
