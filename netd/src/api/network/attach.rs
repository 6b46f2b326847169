//! Connecting containers to networks and disconnecting them.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use bollard_stubs::models::{NetworkConnectRequest, NetworkDisconnectRequest};

use crate::api::body::Json;
use crate::api::version::{ApiVersion, GATEWAY_PRIORITY};
use crate::api::{Answer, Api};
use crate::daemon::endpoint_settings;

pub(super) async fn connect(
    State(api): State<Api>,
    version: ApiVersion,
    Path(network): Path<String>,
    Json(body): Json<NetworkConnectRequest>,
) -> Answer<StatusCode> {
    let mut asked = body.endpoint_config.unwrap_or_default();
    asked.gw_priority = asked.gw_priority.filter(|_| version >= GATEWAY_PRIORITY);
    let settings = endpoint_settings(asked)?;
    api.run(move |daemon| daemon.connect(&network, &body.container, settings))
        .await?;
    Ok(StatusCode::OK)
}

pub(super) async fn disconnect(
    State(api): State<Api>,
    Path(network): Path<String>,
    Json(body): Json<NetworkDisconnectRequest>,
) -> Answer<StatusCode> {
    let force = body.force.unwrap_or(false);
    api.run(move |daemon| daemon.disconnect(&network, &body.container, force))
        .await?;
    Ok(StatusCode::OK)
}
