//! Sharing a container's standard streams with a client.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use futures_util::TryStreamExt;
use rnet_model::{ContainerId, DetachKeys, InvalidDetachKeys};
use rnet_runtime_glue::AttachOptions;
use rnet_runtime_glue::log::LogQuery;

use crate::api::error::Failure;
use crate::api::hijack::{Takeover, Talk};
use crate::api::output::{Form, Source};
use crate::api::query::Params;
use crate::api::version::ApiVersion;
use crate::api::{Answer, Api};
use crate::daemon::{Daemon, WaitCondition};
use crate::error::{Error, Result};

/// The first version in which the type of a multiplexed stream is told.
const TELLS_MULTIPLEXED: ApiVersion = ApiVersion::new(42);

pub(super) async fn attach(
    State(api): State<Api>,
    Path(id): Path<String>,
    version: ApiVersion,
    params: Params,
    mut request: Request,
) -> Answer<Response> {
    let takeover = Takeover::of(&mut request);
    let (logs, live) = (params.flag("logs"), params.flag("stream"));
    if !logs && !live {
        let message = "Either the stream or logs parameter must be true";
        return Err(Failure::invalid(message));
    }
    let (stdout, stderr) = (params.flag("stdout"), params.flag("stderr"));
    let stdin = params.flag("stdin");
    let keys = detach_keys(params.text("detachKeys"))?;
    let (talk, tty) = api
        .run(move |daemon| {
            let container = daemon.find_container(&id)?;
            let tty = container.config.tty.unwrap_or(false);
            let stdin = stdin && container.config.open_stdin.unwrap_or(false);
            let options = AttachOptions {
                stdin,
                stdout,
                stderr,
            };
            let talk = if live {
                live_talk(daemon, container.id, options)?
            } else {
                silence()
            };
            // without a terminal nobody presses keys
            let talk = talk.left_by(Some(keys).filter(|_| tty));
            if !logs {
                return Ok((talk, tty));
            }
            let query = LogQuery {
                stdout,
                stderr,
                ..LogQuery::default()
            };
            let source = Source::open(daemon.readable_log(&container)?, query, None)?;
            let past = source
                .batches(Form::live(tty))
                .map_err(std::io::Error::other);
            Ok((talk.after(past), tty))
        })
        .await?;
    Ok(takeover.splice(&api, content_type(tty, version), talk))
}

/// The keys that a client asks for to leave by.
pub(super) fn detach_keys(text: Option<&str>) -> Result<DetachKeys> {
    let keys = text.unwrap_or_default().parse();
    keys.map_err(|error: InvalidDetachKeys| Error::invalid(error.to_string()))
}

/// The type of live output, which versions before 1.42 do not tell apart.
pub(super) fn content_type(tty: bool, version: ApiVersion) -> &'static str {
    Form::live(tty || version < TELLS_MULTIPLEXED).content_type()
}

fn live_talk(daemon: &Arc<Daemon>, id: ContainerId, options: AttachOptions) -> Result<Talk> {
    let reference = id.to_string();
    let attachment = daemon.attach(&reference, options)?;
    let removed = daemon.watch_exit(&reference, WaitCondition::Removed)?;
    Ok(Talk::with(async move {
        tokio::select! {
            process = attachment => process.map_err(|_| Vec::new()),
            _ = removed.exit() => Err(Vec::new()),
        }
    }))
}

/// The talk of a client that wants to hear the past alone.
fn silence() -> Talk {
    Talk::with(async { Err(Vec::new()) })
}
