//! Images made of containers (`docker commit`).

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::api::body::Json as Body;
use crate::api::error::Failure;
use crate::api::image::reference;
use crate::api::query::Params;
use crate::api::{Answer, Api};
use crate::daemon::CommitRequest;

/// Commits the container `container`; a body that changes its configuration is refused, `changes` do that.
pub(super) async fn commit(
    State(api): State<Api>,
    params: Params,
    Query(pairs): Query<Vec<(String, String)>>,
    Body(config): Body<Value>,
) -> Answer<(StatusCode, Json<Value>)> {
    if config.as_object().is_some_and(|config| !config.is_empty()) {
        return Err(Failure::unsupported(
            "a configuration in the body of a commit is not supported by rnet: use changes=",
        ));
    }
    let container = params.text("container").unwrap_or_default().to_owned();
    let changes = pairs.iter().filter(|(key, _)| key == "changes");
    let lines = changes.flat_map(|(_, text)| text.lines()).map(str::trim);
    let text = |key: &str| params.text(key).unwrap_or_default().to_owned();
    let request = CommitRequest {
        reference: reference(&params)?,
        author: text("author"),
        comment: text("comment"),
        changes: lines
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect(),
        pause: params.flag_or("pause", true),
    };
    let made = api.run(move |daemon| daemon.commit_container(&container, request));
    let id = made.await?.id.to_string();
    Ok((StatusCode::CREATED, Json(json!({ "Id": id }))))
}
