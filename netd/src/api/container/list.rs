//! Listing containers.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;

use crate::api::error::Failure;
use crate::api::filter::Filters;
use crate::api::query::Params;
use crate::api::render::summary::{Summary, summary};
use crate::api::{Answer, Api};
use crate::container::{Container, Run};
use crate::daemon::{Daemon, container_port};
use crate::error::Result;
use crate::state::State as Records;

const FILTERS: &[&str] = &[
    "ancestor",
    "before",
    "expose",
    "exited",
    "health",
    "id",
    "is-task",
    "isolation",
    "label",
    "name",
    "network",
    "publish",
    "since",
    "status",
    "volume",
];

const STATUSES: [&str; 7] = [
    "created",
    "running",
    "paused",
    "restarting",
    "removing",
    "exited",
    "dead",
];

pub(super) async fn list(State(api): State<Api>, params: Params) -> Answer<Json<Vec<Summary>>> {
    let filters = params.filters(FILTERS)?;
    let limit = params
        .number::<i64>("limit")?
        .and_then(|it| usize::try_from(it).ok());
    let limit = limit.filter(|limit| *limit > 0);
    if let Some(status) = filters
        .values("status")
        .find(|status| !STATUSES.contains(status))
    {
        return Err(Failure::invalid(format!(
            "invalid filter 'status={status}'"
        )));
    }
    // who asks for a state, or for the newest, asks for those that do not run, too
    let by_state = filters
        .values("status")
        .chain(filters.values("exited"))
        .next()
        .is_some();
    let all = params.flag("all") || limit.is_some() || by_state;
    let bounds = Bounds::read(&api.daemon, &filters)?;
    let found = api.daemon.read(|state| {
        let mut found: Vec<Container> = state
            .containers()
            .filter(|container| all || container.run.is_running() || container.is_restarting())
            // copies are unpacked, not what is on record
            .cloned()
            .collect();
        found.retain(|container| {
            bounds.hold(state, container) && matches(&api.daemon, &filters, state, container)
        });
        found.sort_by_key(|container| Reverse(container.created));
        found.truncate(limit.unwrap_or(usize::MAX));
        let shown = found
            .into_iter()
            .map(|it| (summary(&api.daemon, state, &it), it));
        shown.collect::<Vec<_>>()
    });
    let sized = params.flag("size");
    let shown = api.run(move |daemon| {
        let shown = found.into_iter().map(|(summary, container)| match sized {
            true => summary.with_size(daemon.sizes(&container)),
            false => summary,
        });
        Ok(shown.collect())
    });
    shown.await.map(Json)
}

/// What the filters that name other objects stand for.
struct Bounds {
    before: Option<Timestamp>,
    since: Option<Timestamp>,
    networks: Option<BTreeSet<String>>,
}

impl Bounds {
    fn read(daemon: &Daemon, filters: &Filters) -> Result<Self> {
        let created = |kind: &str| {
            let named = filters.values(kind).next();
            named
                .map(|name| daemon.find_container(name).map(|it| it.created))
                .transpose()
        };
        // an unknown network has no containers, which is no mistake
        let named = filters
            .values("network")
            .filter_map(|name| daemon.find_network(name).ok());
        let networks: BTreeSet<_> = named.map(|network| network.name).collect();
        let networks = filters.values("network").next().map(|_| networks);
        Ok(Self {
            before: created("before")?,
            since: created("since")?,
            networks,
        })
    }

    fn hold(&self, state: &Records, container: &Container) -> bool {
        let mode = container.host_config.network_mode.iter();
        let own = container
            .networks
            .keys()
            .filter_map(|id| Some(&state.network(*id)?.name));
        let on = |names: &BTreeSet<String>| mode.chain(own).any(|name| names.contains(name));
        self.before.is_none_or(|before| container.created < before)
            && self.since.is_none_or(|since| container.created > since)
            && self.networks.as_ref().is_none_or(on)
    }
}

fn matches(daemon: &Daemon, filters: &Filters, state: &Records, container: &Container) -> bool {
    let config = &container.config;
    let image = config.image.as_deref().unwrap_or_default();
    let exited_with = |code: &str| match &container.run {
        Run::Exited { code: own, .. } => own.to_string() == code,
        _ => false,
    };
    let exposes = |port: &str| {
        let wanted = container_port(port).ok();
        let exposed = config.exposed_ports.iter().flatten();
        wanted.is_some()
            && exposed
                .into_iter()
                .any(|it| container_port(it).ok() == wanted)
    };
    let publishes = |port: &str| {
        let wanted = container_port(port).ok();
        let published = state
            .sandbox_of(container.id)
            .into_iter()
            .flat_map(|it| &it.ports);
        published
            .into_iter()
            .any(|it| wanted.is_some_and(|(port, protocol)| it.leads_to(port, protocol)))
    };
    let mounts = |place: &str| {
        let binds = container.host_config.binds.iter().flatten();
        binds
            .into_iter()
            .any(|bind| bind.split(':').take(2).any(|it| it == place))
    };
    filters.any("id", |id| container.id.to_string().starts_with(id))
        && (filters.finds("name", &container.name)
            || filters.finds("name", &format!("/{}", container.name)))
        && filters.labels("label", |key| {
            Some(config.labels.as_ref()?.get(key)?.as_str())
        })
        && filters.any("status", |status| container.status().as_ref() == status)
        && filters.any("exited", exited_with)
        && filters.any("ancestor", |name| {
            is_image(name, image, &container.image_id)
        })
        && filters.any("expose", exposes)
        && filters.any("publish", publishes)
        && filters.any("volume", mounts)
        && filters.any("health", |wanted| {
            let status = daemon.health(container).and_then(|health| health.status);
            status.map_or("none".to_owned(), |it| it.to_string()) == wanted
        })
        && filters.any("is-task", |task| task == "false")
}

fn is_image(wanted: &str, name: &str, id: &str) -> bool {
    let tagged = |name: &str| match name
        .rsplit_once('/')
        .map_or(name, |(_, last)| last)
        .contains(':')
    {
        true => name.to_owned(),
        false => format!("{name}:latest"),
    };
    let digits = id.strip_prefix("sha256:").unwrap_or(id);
    tagged(wanted) == tagged(name)
        || wanted == id
        || wanted.len() >= 12 && digits.starts_with(wanted)
}
