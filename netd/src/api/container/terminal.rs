//! The sizes of terminals.

use axum::extract::{Path, State};
use axum::http::StatusCode;

use crate::api::error::Failure;
use crate::api::query::Params;
use crate::api::{Answer, Api};
use crate::daemon::Daemon;
use crate::error::Result;

/// Gives a terminal so many rows and columns: that of a container or of a program run in one, as `resize` knows.
pub(super) async fn resize(
    State(api): State<Api>,
    Path(id): Path<String>,
    params: Params,
    resize: fn(&Daemon, &str, u16, u16) -> Result<()>,
) -> Answer<StatusCode> {
    let (Some(rows), Some(columns)) = (params.number("h")?, params.number("w")?) else {
        let message = "the terminal's height h and width w are expected";
        return Err(Failure::invalid(message));
    };
    api.run(move |daemon| resize(daemon, &id, rows, columns))
        .await?;
    Ok(StatusCode::OK)
}
