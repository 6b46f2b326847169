//! The volumes, and who uses them.

use rnet_model::ContainerId;

use super::State;
use crate::volume::{Volume, VolumeMount};

impl State {
    /// All volumes, by name.
    pub fn volumes(&self) -> impl Iterator<Item = &Volume> {
        self.volumes.values()
    }

    /// The volume of that name.
    pub fn volume(&self, name: &str) -> Option<&Volume> {
        self.volumes.get(name)
    }

    /// A container that uses a volume, running or not.
    pub fn volume_user(&self, name: &str) -> Option<ContainerId> {
        let mut containers = self.containers();
        let uses = |volumes: &[VolumeMount]| volumes.iter().any(|it| it.volume == name);
        containers.find(|it| uses(&it.volumes)).map(|it| it.id)
    }
}
