//! Images made of what containers have written.

use std::path::Path;
use std::sync::Arc;

use bollard_stubs::models::ContainerConfig;
use rnet_runtime_glue::image::{Commit, Digest, Empty, Healthcheck, Image, ImageConfig, Reference};

use crate::daemon::{Daemon, instruction};
use crate::error::{Error, Result};

/// What a container is committed as.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CommitRequest {
    /// The new image's name.
    pub reference: Option<Reference>,
    /// Who makes it.
    pub author: String,
    /// Why, for people.
    pub comment: String,
    /// Changes of its configuration, as instructions of a Dockerfile.
    pub changes: Vec<String>,
    /// Whether the container stands still meanwhile.
    pub pause: bool,
}

impl Daemon {
    /// Makes an image of a container's image and of what the container has written, without what is mounted into it.
    pub fn commit_container(
        self: &Arc<Self>,
        reference: &str,
        request: CommitRequest,
    ) -> Result<Image> {
        let container = self.find_container(reference)?;
        let own = container.config.unpack();
        let created_by = own.cmd.clone().unwrap_or_default().join(" ");
        let mut config = configuration(own);
        for change in &request.changes {
            instruction::apply(&mut config, change)?;
        }
        let base: Digest = container
            .image_id
            .parse()
            .map_err(|_| Error::Failed(format!("container {reference} has no image")))?;
        let mounts = self.mounts(&container)?;
        let mounts: Vec<_> = mounts.iter().map(|it| Path::new(&it.target)).collect();
        let commit = Commit {
            reference: request.reference.clone(),
            config,
            author: request.author,
            comment: request.comment.clone(),
            created_by,
        };
        // one that does not run, or stands still already, needs nothing
        let paused = request.pause && self.pause_container(reference).is_ok();
        let made = self
            .images()
            .commit(base, &self.upper_dir(&container), &mounts, commit);
        if paused {
            self.unpause_container(reference)?;
        }
        let image = made?;
        let name = request
            .reference
            .map(|it| it.to_string())
            .unwrap_or_default();
        let facts = [
            ("comment", request.comment),
            ("imageID", image.id.to_string()),
            ("imageRef", name),
        ];
        self.tell_of_container("commit", &container, facts);
        Ok(image)
    }
}

/// What of a container's configuration an image keeps.
fn configuration(own: ContainerConfig) -> ImageConfig {
    let set = |names: Option<Vec<String>>| {
        let names = names.unwrap_or_default().into_iter();
        names.map(|name| (name, Empty {})).collect()
    };
    ImageConfig {
        user: own.user.unwrap_or_default(),
        exposed_ports: set(own.exposed_ports),
        env: own.env.unwrap_or_default(),
        entrypoint: own.entrypoint.unwrap_or_default(),
        cmd: own.cmd.unwrap_or_default(),
        working_dir: own.working_dir.unwrap_or_default(),
        volumes: set(own.volumes),
        stop_signal: own.stop_signal.unwrap_or_default(),
        shell: own.shell.unwrap_or_default(),
        labels: own.labels.unwrap_or_default().into_iter().collect(),
        healthcheck: own.healthcheck.map(|check| Healthcheck {
            test: check.test.unwrap_or_default(),
            interval: check.interval.unwrap_or(0),
            timeout: check.timeout.unwrap_or(0),
            start_period: check.start_period.unwrap_or(0),
            start_interval: check.start_interval.unwrap_or(0),
            retries: check.retries.unwrap_or(0),
        }),
    }
}
