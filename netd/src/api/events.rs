//! `GET /events`: what happens, as it happens.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use bollard_stubs::models::{EventActor, EventMessageTypeEnum as Kind};
use futures_util::{Stream, StreamExt, stream};
use serde::Serialize;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::filter::Filters;
use super::query::Params;
use super::time::{moment, reached};
use super::{Answer, Api, stream as bodies};
use crate::event::Event;

const FILTERS: &[&str] = &[
    "type",
    "event",
    "container",
    "network",
    "volume",
    "label",
    "image",
    "scope",
    "daemon",
];

/// An event with the older members that clients still read.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(rename = "Type")]
    kind: &'static str,
    #[serde(rename = "Action")]
    action: &'static str,
    #[serde(rename = "Actor")]
    actor: EventActor,
    scope: &'static str,
    time: i64,
    time_nano: i128,
}

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/events", get(events))
}

async fn events(State(api): State<Api>, params: Params) -> Answer<Response> {
    let filters = params.filters(FILTERS)?;
    // nothing of the past is kept, so `since` finds nothing; `until` still ends the stream
    let until = params.text("until").map(moment).transpose()?;
    let happening = happening(api.daemon.events().subscribe())
        .filter(move |event| std::future::ready(matches(&filters, event)))
        .map(message);
    Ok(bodies::json_lines(
        happening.take_until(Box::pin(reached(until))),
        api.closing,
    ))
}

fn happening(events: Receiver<Event>) -> impl Stream<Item = Event> + Send {
    stream::unfold(events, |mut events| async {
        loop {
            match events.recv().await {
                Ok(event) => return Some((event, events)),
                Err(RecvError::Lagged(lost)) => {
                    tracing::warn!("a client reads events too slowly: {lost} are lost to it");
                }
                Err(RecvError::Closed) => return None,
            }
        }
    })
}

fn matches(filters: &Filters, event: &Event) -> bool {
    let attribute = |key: &str| event.attributes.get(key).map(String::as_str);
    let object = |kind: &str| {
        filters.any(kind, |wanted| {
            let is_it = event.kind == kind && event.id.starts_with(wanted);
            is_it || attribute(if event.kind == kind { "name" } else { kind }) == Some(wanted)
        })
    };
    filters.any("type", |kind| kind == event.kind)
        && filters.any("event", |action| action == event.action)
        && filters.any("scope", |scope| scope == "local")
        && filters.any("daemon", |_| false)
        && filters.any("image", |image| attribute("image") == Some(image))
        && filters.labels("label", attribute)
        && object("container")
        && object("network")
        && object("volume")
}

fn message(event: Event) -> Message {
    let of_container = event.kind == Kind::CONTAINER.as_ref();
    Message {
        status: of_container.then_some(event.action),
        id: of_container.then(|| event.id.clone()),
        from: event
            .attributes
            .get("image")
            .filter(|_| of_container)
            .cloned(),
        kind: event.kind,
        action: event.action,
        actor: EventActor {
            id: Some(event.id),
            attributes: Some(event.attributes.into_iter().collect()),
        },
        scope: "local",
        time: event.time.as_second(),
        time_nano: event.time.as_nanosecond(),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::api::error::Failure;

    fn event() -> Event {
        let attributes = [("name", "web"), ("image", "busybox"), ("tier", "front")];
        let attributes = attributes.map(|(key, value)| (key.to_owned(), value.to_owned()));
        Event {
            kind: "container",
            action: "start",
            id: "abcdef".to_owned(),
            attributes: attributes.into(),
            time: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn an_event_passes_the_filters_it_satisfies() {
        let passes = |text| {
            let filters = Filters::parse(text, FILTERS).map_err(|e: Failure| e.to_string());
            matches(&filters.unwrap(), &event())
        };
        for text in [
            "",
            r#"{"type":["container"],"event":["start","die"]}"#,
            r#"{"container":["web"]}"#,
            r#"{"container":["abc"]}"#,
            r#"{"label":["tier=front"],"image":["busybox"]}"#,
        ] {
            assert!(passes(text), "{text}");
        }
        for text in [
            r#"{"type":["network"]}"#,
            r#"{"container":["db"]}"#,
            r#"{"label":["tier=back"]}"#,
        ] {
            assert!(!passes(text), "{text}");
        }
    }
}
