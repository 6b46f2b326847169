//! `/sandboxes`: network namespaces that others made, on rnet's networks. Docker has no such thing.
//!
//! Networks are connected and disconnected as those of containers are (`/networks/{id}/connect`).

mod update;

use std::collections::HashMap;
use std::path::PathBuf;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use bollard_stubs::models::{NetworkingConfig, PortMap};
use rnet_model::{Guest, Sandbox};
use serde::{Deserialize, Serialize};

use super::body::Json as Body;
use super::filter::Filters;
use super::query::Params;
use super::render::sandbox::{Shown, shown};
use super::routes::{Carries, Routes, delete, get, post};
use super::{Answer, Api};
use crate::daemon::{GuestRequest, dns_config, endpoint_settings};
use crate::error::{Error, Result};

const FILTERS: &[&str] = &["id", "label", "name", "network", "runtime"];

pub(super) fn routes() -> Routes {
    Routes::new()
        .route("/sandboxes/json", get(list).reads(&["filters"]))
        .route(
            "/sandboxes/create",
            post(create).takes(Carries::json::<CreateRequest>()),
        )
        .route("/sandboxes/prune", post(prune))
        .route("/sandboxes/{id}/json", get(show).reads(&["runtime"]))
        .route(
            "/sandboxes/{id}/update",
            post(update::update)
                .reads(&["runtime"])
                .takes(Carries::json::<update::UpdateRequest>()),
        )
        .route(
            "/sandboxes/{id}",
            delete(remove).reads(&["interface", "runtime"]),
        )
}

/// What a sandbox is to be; its namespace is given by its path or by a process in it.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct CreateRequest {
    name: Option<String>,
    #[serde(rename = "ContainerID")]
    reference: Option<String>,
    runtime: Option<String>,
    hostname: Option<String>,
    #[serde(rename = "NetNS")]
    namespace: Option<PathBuf>,
    pid: Option<u32>,
    dns: Option<Vec<String>>,
    dns_search: Option<Vec<String>>,
    dns_options: Option<Vec<String>>,
    port_bindings: Option<PortMap>,
    holds_ports: bool,
    labels: Option<HashMap<String, String>>,
    networking_config: Option<NetworkingConfig>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Pruned {
    sandboxes_deleted: Vec<String>,
}

async fn create(
    State(api): State<Api>,
    Body(body): Body<CreateRequest>,
) -> Answer<(StatusCode, Json<Option<Shown>>)> {
    let request = read(body)?;
    let made = api.run(move |daemon| {
        let sandbox = daemon.create_guest(request)?;
        Ok(shown(daemon, &sandbox))
    });
    Ok((StatusCode::CREATED, Json(made.await?)))
}

async fn list(State(api): State<Api>, params: Params) -> Answer<Json<Vec<Shown>>> {
    let filters = params.filters(FILTERS)?;
    let found = api.run(move |daemon| {
        let sandboxes: Vec<Sandbox> = daemon.read(|state| {
            let networks = |sandbox: &Sandbox, wanted: &str| {
                let mut endpoints = state.endpoints_of(sandbox.id);
                endpoints.any(|it| {
                    let network = state.network(it.network);
                    network.is_some_and(|it| it.name == wanted || it.id.to_string() == wanted)
                })
            };
            let matching = state.sandboxes().filter(|sandbox| {
                let Some(guest) = &sandbox.guest else {
                    return false;
                };
                matches(&filters, sandbox, guest)
                    && filters.any("network", |wanted| networks(sandbox, wanted))
            });
            matching.cloned().collect()
        });
        Ok(sandboxes
            .iter()
            .filter_map(|it| shown(daemon, it))
            .collect())
    });
    Ok(Json(found.await?))
}

/// `runtime` makes the reference one of that runtime's own, and nothing else.
async fn show(
    State(api): State<Api>,
    Path(id): Path<String>,
    params: Params,
) -> Answer<Json<Option<Shown>>> {
    let runtime = params.text("runtime").map(str::to_owned);
    let found = api.run(move |daemon| {
        let sandbox = daemon.find_guest_of(runtime.as_deref(), &id)?;
        Ok(shown(daemon, &sandbox))
    });
    Ok(Json(found.await?))
}

/// Removes a sandbox, or its interface of the name in `interface` alone; `runtime` as in [`show`].
async fn remove(
    State(api): State<Api>,
    Path(id): Path<String>,
    params: Params,
) -> Answer<StatusCode> {
    let interface = params.text("interface").map(str::to_owned);
    let runtime = params.text("runtime").map(str::to_owned);
    api.run(move |daemon| {
        let id = daemon.find_guest_of(runtime.as_deref(), &id)?.container;
        daemon.delete_guest(&id.to_string(), interface.as_deref())
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn prune(State(api): State<Api>) -> Answer<Json<Pruned>> {
    let sandboxes_deleted = api.run(|daemon| Ok(daemon.prune_guests())).await?;
    Ok(Json(Pruned { sandboxes_deleted }))
}

fn matches(filters: &Filters, sandbox: &Sandbox, guest: &Guest) -> bool {
    filters.any("runtime", |it| it == guest.runtime)
        && filters.any("id", |it| sandbox.container.to_string().starts_with(it))
        && filters.any("name", |it| guest.name.contains(it))
        && filters.labels("label", |key| guest.labels.get(key).map(String::as_str))
}

fn read(body: CreateRequest) -> Result<GuestRequest> {
    let name = body.name.filter(|it| !it.is_empty());
    let reference = body.reference.filter(|it| !it.is_empty());
    let namespace = match (body.namespace, body.pid) {
        (Some(path), None) => path,
        (None, Some(pid)) => format!("/proc/{pid}/ns/net").into(),
        _ => {
            return Err(Error::invalid(
                "either NetNS, the path of a network namespace, or Pid, a process in it, is expected",
            ));
        }
    };
    let endpoints = body.networking_config.and_then(|it| it.endpoints_config);
    let mut networks = Vec::new();
    for (network, asked) in endpoints.into_iter().flatten() {
        networks.push((network, endpoint_settings(asked)?));
    }
    // a map has no order, and interfaces are numbered in one
    networks.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(GuestRequest {
        reference: reference.or_else(|| name.clone()).unwrap_or_default(),
        name,
        hostname: body.hostname.unwrap_or_default(),
        runtime: body.runtime.unwrap_or_else(|| "api".to_owned()),
        namespace: Some(namespace),
        process: body.pid,
        dns: dns_config(body.dns, body.dns_search, body.dns_options)?,
        port_bindings: body.port_bindings,
        holds_ports: body.holds_ports,
        labels: body.labels.unwrap_or_default(),
        networks,
    })
}
