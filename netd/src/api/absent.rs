//! What Docker has and rnet has nothing of, told in a way that its clients understand.

use axum::Json;
use serde_json::{Value, json};

use super::Answer;
use super::error::Failure;
use super::routes::{Routes, get, post};

pub(super) fn routes() -> Routes {
    let mut routes = Routes::new().route("/build/prune", post(nothing_built));
    for kind in ["configs", "nodes", "secrets", "services", "swarm", "tasks"] {
        routes = routes
            .route(&format!("/{kind}"), get(no_swarm).post(no_swarm))
            .route(&format!("/{kind}/{{*rest}}"), get(no_swarm).post(no_swarm));
    }
    routes
}

/// Nothing is built here, so there is no cache to remove; `docker system prune` asks for it all the same.
async fn nothing_built() -> Json<Value> {
    Json(json!({ "CachesDeleted": [], "SpaceReclaimed": 0 }))
}

async fn no_swarm() -> Answer<()> {
    Err(Failure::unavailable(
        "This node is not a swarm manager: rnet has no swarms",
    ))
}
