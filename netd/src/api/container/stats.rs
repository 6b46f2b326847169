//! `GET /containers/{id}/stats`: what a container uses, once or every second.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::api::query::Params;
use crate::api::render::stats::stats;
use crate::api::{Answer, Api, stream as bodies};
use crate::daemon::Sample;

/// How far two samples are apart.
const SECOND: Duration = Duration::from_secs(1);

pub(super) async fn show(
    State(api): State<Api>,
    Path(id): Path<String>,
    params: Params,
) -> Answer<Response> {
    let (streams, one_shot) = (params.flag_or("stream", true), params.flag("one-shot"));
    let first = sample(&api, id.clone()).await?;
    if streams {
        return Ok(every_second(api, id));
    }
    if one_shot {
        return Ok(Json(stats(&first, None)).into_response());
    }
    // how busy it is takes two looks
    sleep(SECOND).await;
    let second = sample(&api, id).await?;
    Ok(Json(stats(&second, Some(&first))).into_response())
}

/// Ends when the container is gone, the API closes, or the client goes away.
fn every_second(api: Api, id: String) -> Response {
    let mut clock = interval(SECOND);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let closing = api.closing.clone();
    let samples = stream::unfold((clock, None::<Sample>), move |(mut clock, before)| {
        let (api, id) = (api.clone(), id.clone());
        async move {
            clock.tick().await;
            let now = sample(&api, id).await.ok()?;
            Some((stats(&now, before.as_ref()), (clock, Some(now))))
        }
    });
    bodies::json_lines(samples, closing)
}

async fn sample(api: &Api, id: String) -> Answer<Sample> {
    api.run(move |daemon| daemon.sample(&id)).await
}
