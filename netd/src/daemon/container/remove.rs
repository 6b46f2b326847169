//! Removing and renaming.

use std::fs;
use std::sync::Arc;

use rnet_model::ContainerId;

use super::connect::endpoint_names;
use super::create::check_name;
use crate::container::Container;
use crate::daemon::Daemon;
use crate::error::{Error, Result};
use crate::state::Change;

impl Daemon {
    /// Removes a container; with `force` one that runs, too, and with `volumes` those made for it alone.
    pub fn remove_container(
        self: &Arc<Self>,
        reference: &str,
        force: bool,
        volumes: bool,
    ) -> Result<()> {
        let container = self.find_container(reference)?;
        let id = container.id;
        if container.is_restarting() && force {
            self.note_stop(id)?;
        }
        if container.run.is_running() || (container.is_restarting() && !force) {
            if !force {
                let (state, first) = match &container.run {
                    run if run.is_paused() => ("paused", "unpause and then stop"),
                    run if run.is_running() => ("running", "stop"),
                    _ => ("restarting", "stop"),
                };
                return Err(Error::Conflict(format!(
                    "cannot remove container \"{}\": container is {state}: \
                     {first} the container before removing or force remove",
                    container.name
                )));
            }
            // `--rm` may remove it the moment it ends
            self.kill_container(&id.to_string(), "KILL")
                .or_else(|error| match error {
                    Error::Conflict(_) | Error::NoSuchContainer(_) => Ok(()),
                    error => Err(error),
                })?;
        }
        let removed = self.lives.hold(id, || {
            let Ok(container) = self.find_container(&id.to_string()) else {
                return Ok(false);
            };
            if container.run.is_running() {
                return Err(Error::Conflict(format!(
                    "cannot remove container \"{}\": it was started again meanwhile",
                    container.name
                )));
            }
            self.runtime.remove(&id)?;
            let directory = self.container_dir(id);
            match fs::remove_dir_all(&directory) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::File {
                        path: directory,
                        source,
                    });
                }
                _ => {}
            }
            self.commit(&mut self.state(), vec![Change::DropContainer(id)])?;
            Ok(true)
        })?;
        if removed {
            self.tell_of_container("destroy", &container, []);
        }
        if volumes {
            self.remove_own_volumes(&container);
        }
        Ok(())
    }

    /// Removes the volumes that were made for a container alone.
    fn remove_own_volumes(&self, container: &Container) {
        let is_own = |name: &str| self.find_volume(name).is_ok_and(|it| it.anonymous);
        for mount in container.volumes.iter().filter(|it| is_own(&it.volume)) {
            // another container may have come to use it
            if let Err(error) = self.remove_volume(&mount.volume, true) {
                tracing::info!(volume = mount.volume, "kept: {}", error.chain());
            }
        }
    }

    /// Removes a container that ended and was asked to go when it does (`--rm`).
    pub(super) fn auto_remove(self: &Arc<Self>, id: ContainerId) -> Result<()> {
        match self.find_container(&id.to_string()) {
            Ok(container) if container.host_config.auto_remove.unwrap_or(false) => {
                self.remove_container(&id.to_string(), false, true)
            }
            // not asked to, or someone was faster
            _ => Ok(()),
        }
    }

    /// Gives a container another name; on its networks it answers to the new one at once.
    pub fn rename_container(self: &Arc<Self>, reference: &str, name: &str) -> Result<()> {
        let name = name.strip_prefix('/').unwrap_or(name);
        let id = self.find_container(reference)?.id;
        self.lives.hold(id, || {
            let mut container = self.find_container(&id.to_string())?;
            if container.name == name {
                return Err(Error::invalid(
                    "Renaming a container with the same name as its current name",
                ));
            }
            let old = std::mem::replace(&mut container.name, name.to_owned());
            let mut state = self.state();
            check_name(&state, name)?;
            let sandbox = container.run.sandbox();
            let mut endpoints: Vec<_> = sandbox
                .iter()
                .flat_map(|id| state.endpoints_of(*id))
                .cloned()
                .collect();
            for endpoint in &mut endpoints {
                endpoint.names = endpoint_names(&container, &endpoint.settings);
            }
            let ids: Vec<_> = endpoints.iter().map(|endpoint| endpoint.id).collect();
            let mut changes: Vec<_> = endpoints.into_iter().map(Change::PutEndpoint).collect();
            changes.push(Change::PutContainer(Box::new(container.clone())));
            self.commit(&mut state, changes)?;
            drop(state);
            if let Some(sandbox) = sandbox {
                self.publish_names(sandbox, &ids)?;
            }
            self.refresh_links_to(id);
            self.tell_of_container("rename", &container, [("oldName", format!("/{old}"))]);
            Ok(())
        })
    }
}
