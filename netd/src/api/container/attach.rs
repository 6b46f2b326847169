//! Sharing a container's standard streams with a client.

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use rnet_runtime_glue::AttachOptions;

use crate::api::error::Failure;
use crate::api::hijack::{Takeover, Talk};
use crate::api::logs::{MULTIPLEXED, RAW, written};
use crate::api::query::Params;
use crate::api::version::ApiVersion;
use crate::api::{Answer, Api};
use crate::daemon::WaitCondition;

/// The first version in which the type of a multiplexed stream is told.
pub(super) const TELLS_MULTIPLEXED: ApiVersion = ApiVersion::new(42);

pub(super) async fn attach(
    State(api): State<Api>,
    Path(id): Path<String>,
    version: ApiVersion,
    params: Params,
    mut request: Request,
) -> Answer<Response> {
    let takeover = Takeover::of(&mut request);
    let (stdout, stderr) = (params.flag("stdout"), params.flag("stderr"));
    let (logs, live) = (params.flag("logs"), params.flag("stream"));
    if !logs && !live {
        return Err(Failure::invalid(
            "Either the stream or logs parameter must be true",
        ));
    }
    let asks_stdin = params.flag("stdin");
    let (talk, tty) = api
        .run(move |daemon| {
            let container = daemon.find_container(&id)?;
            let config = &container.config;
            let tty = config.tty.unwrap_or(false);
            let past = match logs {
                true => written(&daemon.log_path(container.id), stdout, stderr, !tty)?,
                false => Vec::new(),
            };
            let stdin = asks_stdin && config.open_stdin.unwrap_or(false);
            let options = AttachOptions {
                stdin,
                stdout,
                stderr,
            };
            let id = container.id.to_string();
            if !live {
                return Ok((Talk::new(past, async { Err(Vec::new()) }), tty));
            }
            let process = daemon.attach(&id, options)?;
            let removed = daemon.watch_exit(&id, WaitCondition::Removed)?;
            let process = async move {
                tokio::select! {
                    process = process => process.map_err(|_| Vec::new()),
                    _ = removed.exit() => Err(Vec::new()),
                }
            };
            Ok((Talk::new(past, process), tty))
        })
        .await?;
    let multiplexed = !tty && version >= TELLS_MULTIPLEXED;
    Ok(takeover.splice(&api, if multiplexed { MULTIPLEXED } else { RAW }, talk))
}

pub(super) async fn resize(
    State(api): State<Api>,
    Path(id): Path<String>,
    params: Params,
) -> Answer<StatusCode> {
    let (rows, columns) = size(&params)?;
    api.run(move |daemon| daemon.resize(&id, rows, columns))
        .await?;
    Ok(StatusCode::OK)
}

/// The rows and columns of a terminal.
pub(super) fn size(params: &Params) -> Answer<(u16, u16)> {
    match (params.number("h")?, params.number("w")?) {
        (Some(rows), Some(columns)) => Ok((rows, columns)),
        _ => Err(Failure::invalid(
            "the terminal's height h and width w are expected",
        )),
    }
}
