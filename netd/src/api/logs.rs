//! `GET /containers/{id}/logs`: what a container wrote, and goes on writing.

use axum::extract::{Path, State};
use axum::response::Response;
use futures_util::{FutureExt, StreamExt};
use rnet_runtime_glue::log::LogQuery;

use super::error::Failure;
use super::output::{Form, Source};
use super::query::Params;
use super::time::{moment, reached};
use super::{Answer, Api, stream};
use crate::container::Run;
use crate::daemon::WaitCondition;

pub(super) async fn logs(
    State(api): State<Api>,
    Path(id): Path<String>,
    params: Params,
) -> Answer<Response> {
    let query = query(&params)?;
    let follow = params.flag("follow");
    let until = query.until.filter(|_| follow);
    let (source, tty) = api
        .run(move |daemon| {
            let container = daemon.find_container(&id)?;
            let tty = container.config.tty.unwrap_or(false);
            let follow = follow && container.run != Run::Created;
            let watch = follow.then(|| daemon.watch_exit(&id, WaitCondition::NotRunning));
            let end = watch.transpose()?.map(|watch| watch.exit().boxed());
            Ok((
                Source::open(daemon.readable_log(&container)?, query, end)?,
                tty,
            ))
        })
        .await?;
    let form = Form {
        timestamps: params.flag("timestamps"),
        details: params.flag("details"),
        ..Form::live(tty)
    };
    let body = source.batches(form).take_until(Box::pin(reached(until)));
    let body = body.take_until(api.closing.cancelled_owned());
    Ok(stream::bytes(form.content_type(), body))
}

fn query(params: &Params) -> Answer<LogQuery> {
    let (stdout, stderr) = (params.flag("stdout"), params.flag("stderr"));
    if !stdout && !stderr {
        return Err(Failure::invalid(
            "Bad parameters: you must choose at least one stream",
        ));
    }
    let zero_is_none = |name: &str| params.text(name).filter(|text| *text != "0");
    let tail = params.text("tail").filter(|text| *text != "all");
    Ok(LogQuery {
        stdout,
        stderr,
        since: zero_is_none("since").map(moment).transpose()?,
        until: zero_is_none("until").map(moment).transpose()?,
        // what is no number is everything, as in Docker
        tail: tail.and_then(|text| text.parse().ok()),
    })
}
