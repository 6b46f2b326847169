//! Waiting for a container to end.

use axum::extract::{Path, State};
use axum::response::Response;
use bollard_stubs::models::{ContainerWaitExitError, ContainerWaitResponse};

use crate::api::error::Failure;
use crate::api::query::Params;
use crate::api::{Answer, Api, stream};
use crate::daemon::{Exit, WaitCondition};

/// Answers at once with headers alone: when they are there, whatever happens is noticed.
pub(super) async fn wait(
    State(api): State<Api>,
    Path(id): Path<String>,
    params: Params,
) -> Answer<Response> {
    let condition = match params.text("condition") {
        None | Some("not-running") => WaitCondition::NotRunning,
        Some("next-exit") => WaitCondition::NextExit,
        Some("removed") => WaitCondition::Removed,
        Some(other) => return Err(Failure::invalid(format!("invalid condition: {other:?}"))),
    };
    let watch = api
        .run(move |daemon| daemon.watch_exit(&id, condition))
        .await?;
    Ok(stream::json_later(
        async move { response(watch.exit().await) },
        api.closing,
    ))
}

fn response(exit: Exit) -> ContainerWaitResponse {
    let failed = (!exit.error.is_empty()).then_some(exit.error);
    ContainerWaitResponse {
        status_code: exit.code,
        error: failed.map(|message| ContainerWaitExitError {
            message: Some(message),
        }),
    }
}
