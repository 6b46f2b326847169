//! dockerd's door: the protocols of libnetwork's remote network drivers and IPAM drivers, on a socket that dockerd finds.
//!
//! Thin: each call becomes the daemon's own, and nothing is remembered here but subnets between two calls. dockerd moves
//! interfaces and configures them itself, so its endpoints are guests that take theirs ([`GuestRequest::namespace`]).
//!
//! Source: libnetwork, `docs/remote.md`, `docs/ipam.md`, `drivers/remote/api`, `ipams/remote/api`.

mod endpoint;
mod ipam;
mod network;
mod ports;
mod socket;
mod wire;

pub use socket::Door;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, post};
use rnet_model::Cidr;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::daemon::Daemon;
use crate::error::{Error, Result};
use wire::Nothing;

#[cfg(doc)]
use crate::daemon::GuestRequest;

/// What answers are, for a client of protocol version 1.2 (moby, `pkg/plugins`).
const CONTENT: &str = "application/vnd.docker.plugins.v1.2+json";

/// What every call holds.
#[derive(Clone)]
struct Plugin {
    daemon: Arc<Daemon>,
    /// Subnets that dockerd was given and has made no network of yet.
    promised: Arc<Mutex<BTreeSet<Cidr>>>,
}

/// The protocol over `daemon`, to be served or called.
pub fn router(daemon: Arc<Daemon>) -> Router {
    let plugin = Plugin {
        daemon,
        promised: Arc::default(),
    };
    Router::new()
        .route("/Plugin.Activate", driver(activate))
        .merge(network::routes())
        .merge(endpoint::routes())
        .merge(ports::routes())
        .merge(ipam::routes())
        .fallback(unknown)
        .with_state(plugin)
}

/// A call of the network driver's, whose errors are `{"Err"}`.
fn driver<Q, A>(work: fn(&Plugin, Q) -> Result<A>) -> MethodRouter<Plugin>
where
    Q: DeserializeOwned + Send + 'static,
    A: Serialize + Send + 'static,
{
    call("Err", work)
}

/// A call of the IPAM driver's, whose errors are `{"Error"}`.
fn ipam<Q, A>(work: fn(&Plugin, Q) -> Result<A>) -> MethodRouter<Plugin>
where
    Q: DeserializeOwned + Send + 'static,
    A: Serialize + Send + 'static,
{
    call("Error", work)
}

fn call<Q, A>(error: &'static str, work: fn(&Plugin, Q) -> Result<A>) -> MethodRouter<Plugin>
where
    Q: DeserializeOwned + Send + 'static,
    A: Serialize + Send + 'static,
{
    post(async move |State(plugin): State<Plugin>, body: Bytes| {
        // finished even where dockerd goes away meanwhile
        let done = tokio::task::spawn_blocking(move || -> Result<Value> {
            let answer = work(&plugin, read(&body)?)?;
            Ok(serde_json::to_value(answer).expect("answers are plain objects"))
        });
        let answer = match done.await {
            Ok(Ok(answer)) => answer,
            Ok(Err(refusal)) => json!({ error: refusal.chain() }),
            Err(broken) => {
                tracing::error!("a call of dockerd's broke off: {broken}");
                json!({ error: "the call broke off inside netd: see its log" })
            }
        };
        ([(CONTENT_TYPE, CONTENT)], answer.to_string()).into_response()
    })
}

/// No body at all is an empty object.
fn read<Q: DeserializeOwned>(body: &[u8]) -> Result<Q> {
    let body = if body.trim_ascii().is_empty() {
        b"{}"
    } else {
        body
    };
    serde_json::from_slice(body).map_err(|error| Error::invalid(format!("invalid JSON: {error}")))
}

fn activate(_: &Plugin, _: Nothing) -> Result<Value> {
    Ok(json!({"Implements": ["NetworkDriver", "IpamDriver"]}))
}

/// A call that this version does not know; libnetwork tolerates this of those that are newer.
async fn unknown() -> Response {
    let status = axum::http::StatusCode::NOT_FOUND;
    let answer = json!({"Err": "rnet does not know this call"});
    (status, [(CONTENT_TYPE, CONTENT)], answer.to_string()).into_response()
}
