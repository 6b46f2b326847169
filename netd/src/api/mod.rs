//! The HTTP API of the daemon, in the shape of the Docker Engine API.
//!
//! Handlers translate and nothing else: a request into a call of the daemon, its answer into the models of that API.

mod absent;
mod body;
mod connection;
mod container;
mod error;
mod events;
mod filter;
mod growth;
mod hijack;
mod image;
mod leftover;
mod login;
mod logs;
mod network;
mod openapi;
mod output;
mod pruning;
mod query;
mod render;
mod routes;
mod sandbox;
mod schema;
mod serve;
mod stream;
mod system;
mod time;
mod usage;
mod version;
mod volume;

pub use connection::Listener;
pub use serve::serve;

use std::sync::Arc;

use axum::middleware::{from_fn, from_fn_with_state, map_response};
use axum::{Json, Router};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::daemon::Daemon;
use crate::error::Result;

use error::{Failure, page_not_found};
use routes::Routes;

/// What a handler answers.
type Answer<T> = std::result::Result<T, Failure>;

/// What every handler holds.
#[derive(Clone)]
struct Api {
    daemon: Arc<Daemon>,
    /// Told when the API closes: whatever streams ends then.
    closing: CancellationToken,
    /// Owns the tasks that outlive their request: the upgraded connections.
    tasks: TaskTracker,
    pruning: Arc<pruning::Pruning>,
}

impl Api {
    fn new(daemon: Arc<Daemon>) -> Self {
        Self {
            daemon,
            closing: CancellationToken::new(),
            tasks: TaskTracker::new(),
            pruning: Arc::default(),
        }
    }

    /// Does `work`, which may block; it is finished even when the client goes away meanwhile.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Arc<Daemon>) -> Result<T> + Send + 'static,
    ) -> Answer<T> {
        let daemon = Arc::clone(&self.daemon);
        let done = tokio::task::spawn_blocking(move || work(&daemon)).await;
        Ok(done.map_err(Failure::broken)??)
    }
}

/// The whole API over `daemon`, to be served or called.
pub fn router(daemon: Arc<Daemon>) -> Router {
    routes(Api::new(daemon))
}

fn routes(api: Api) -> Router {
    let described = Routes::new()
        .merge(system::routes())
        .merge(events::routes())
        .merge(network::routes())
        .merge(container::routes())
        .merge(image::routes())
        .merge(login::routes())
        .merge(volume::routes())
        .merge(sandbox::routes())
        .merge(absent::routes());
    let (router, operations) = described.into_parts();
    let description = openapi::describe(&operations);
    let unversioned = router
        .route(
            openapi::PATH,
            axum::routing::get(async move || Json(description.clone())),
        )
        .fallback(page_not_found)
        .method_not_allowed_fallback(page_not_found)
        .with_state(api.clone());
    // the version is part of the path, so it has to be read before a route is looked for
    Router::new()
        .fallback_service(unversioned)
        .layer(from_fn(version::negotiate))
        .layer(from_fn_with_state(api, leftover::read))
        .layer(map_response(version::introduce))
}
