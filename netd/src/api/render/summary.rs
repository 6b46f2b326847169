//! A container as a list shows it.

use bollard_stubs::models::{
    ContainerStateStatusEnum as Status, ContainerSummary, ContainerSummaryHostConfig,
    ContainerSummaryNetworkSettings, ContainerSummaryStateEnum, HealthStatusEnum as Health,
};
use jiff::Timestamp;
use serde::Serialize;

use super::container::{Size, mounts};
use super::{endpoint, ports};
use crate::api::time::human;
use crate::container::{Container, Run};
use crate::daemon::{Daemon, Sizes};
use crate::state::State;

/// A container in a list; its ports tell more than Docker's.
#[derive(Serialize)]
pub(in crate::api) struct Summary {
    #[serde(flatten)]
    body: ContainerSummary,
    #[serde(rename = "Ports")]
    ports: Vec<ports::Port>,
    #[serde(flatten)]
    size: Option<Size>,
}

impl Summary {
    /// The same with the room that the container's files take.
    pub(in crate::api) fn with_size(self, sizes: Sizes) -> Self {
        Self {
            size: Some(sizes.into()),
            ..self
        }
    }
}

/// Shows one container in a line.
pub(in crate::api) fn summary(daemon: &Daemon, state: &State, container: &Container) -> Summary {
    let config = &container.config;
    let published = state
        .sandbox_of(container.id)
        .map(|sandbox| sandbox.ports.as_slice());
    let exposed = config.exposed_ports.as_deref().unwrap_or_default();
    let body = ContainerSummary {
        id: Some(container.id.to_string()),
        names: Some(vec![format!("/{}", container.name)]),
        image: config.image.clone(),
        image_id: Some(container.image_id.clone()),
        command: Some(command(container)),
        created: Some(container.created.as_second()),
        labels: Some(config.labels.clone().unwrap_or_default()),
        state: Some(match container.status() {
            Status::RESTARTING => ContainerSummaryStateEnum::RESTARTING,
            Status::RUNNING => ContainerSummaryStateEnum::RUNNING,
            Status::PAUSED => ContainerSummaryStateEnum::PAUSED,
            Status::EXITED => ContainerSummaryStateEnum::EXITED,
            _ => ContainerSummaryStateEnum::CREATED,
        }),
        status: Some(status(daemon, container, Timestamp::now())),
        host_config: Some(ContainerSummaryHostConfig {
            network_mode: container.host_config.network_mode.clone(),
            annotations: None,
        }),
        network_settings: Some(ContainerSummaryNetworkSettings {
            networks: Some(endpoint::networks(state, container)),
        }),
        mounts: Some(mounts(daemon, container)),
        ..ContainerSummary::default()
    };
    let ports = published.map_or_else(Vec::new, |it| ports::list(it, exposed));
    Summary {
        body,
        ports,
        size: None,
    }
}

fn command(container: &Container) -> String {
    let words = container
        .config
        .entrypoint
        .iter()
        .chain(&container.config.cmd)
        .flatten();
    let quoted = words.map(|word| {
        if word.contains(char::is_whitespace) {
            format!("'{word}'")
        } else {
            word.clone()
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

fn status(daemon: &Daemon, container: &Container, now: Timestamp) -> String {
    match &container.run {
        Run::Created => "Created".to_owned(),
        Run::Running {
            started, paused, ..
        } => {
            let up = human(now.duration_since(*started));
            let health = daemon.health(container).and_then(|health| health.status);
            let mark = match health {
                _ if *paused => " (Paused)",
                Some(Health::HEALTHY) => " (healthy)",
                Some(Health::UNHEALTHY) => " (unhealthy)",
                Some(Health::STARTING) => " (health: starting)",
                _ => "",
            };
            format!("Up {up}{mark}")
        }
        Run::Exited { code, finished, .. } => {
            let word = match container.is_restarting() {
                true => "Restarting",
                false => "Exited",
            };
            let ago = human(now.duration_since(*finished));
            format!("{word} ({code}) {ago} ago")
        }
    }
}
