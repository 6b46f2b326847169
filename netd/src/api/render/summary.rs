//! A container as a list shows it.

use bollard_stubs::models::{
    ContainerStateStatusEnum as Status, ContainerSummary, ContainerSummaryHostConfig,
    ContainerSummaryNetworkSettings, ContainerSummaryStateEnum,
};
use jiff::Timestamp;
use serde::Serialize;

use super::{container::mounts, endpoint, ports};
use crate::api::time::human;
use crate::container::{Container, Run};
use crate::daemon::Daemon;
use crate::state::State;

/// A container in a list; its ports tell more than Docker's.
#[derive(Serialize)]
pub(in crate::api) struct Summary {
    #[serde(flatten)]
    body: ContainerSummary,
    #[serde(rename = "Ports")]
    ports: Vec<ports::Port>,
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
        state: Some(match container.run.status() {
            Status::RUNNING => ContainerSummaryStateEnum::RUNNING,
            Status::PAUSED => ContainerSummaryStateEnum::PAUSED,
            Status::EXITED => ContainerSummaryStateEnum::EXITED,
            _ => ContainerSummaryStateEnum::CREATED,
        }),
        status: Some(status(&container.run, Timestamp::now())),
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
    Summary { body, ports }
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

fn status(run: &Run, now: Timestamp) -> String {
    match run {
        Run::Created => "Created".to_owned(),
        Run::Running {
            started, paused, ..
        } => {
            let up = human(now.duration_since(*started));
            format!("Up {up}{}", if *paused { " (Paused)" } else { "" })
        }
        Run::Exited { code, finished, .. } => {
            format!(
                "Exited ({code}) {} ago",
                human(now.duration_since(*finished))
            )
        }
    }
}
