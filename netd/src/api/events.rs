//! `GET /events`: what happened, as far as it is remembered, and what happens, as it happens.

use std::borrow::Cow;

use axum::extract::State;
use axum::response::Response;
use bollard_stubs::models::{EventActor, EventMessageTypeEnum as Kind};
use futures_util::{Stream, StreamExt, stream};
use serde::Serialize;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::filter::Filters;
use super::query::Params;
use super::routes::{Routes, get};
use super::time::{moment, reached};
use super::{Answer, Api, stream as bodies};
use crate::event::Event;

const FILTERS: &[&str] = &[
    "config",
    "container",
    "daemon",
    "event",
    "image",
    "label",
    "network",
    "node",
    "plugin",
    "scope",
    "secret",
    "service",
    "type",
    "volume",
];

/// Kinds of objects that things happen to.
const OBJECTS: [&str; 3] = ["container", "network", "volume"];

/// Kinds that Docker has and nothing happens to here.
const ABSENT: [&str; 6] = ["config", "daemon", "node", "plugin", "secret", "service"];

/// An event with the older members that clients still read.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Cow<'static, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(rename = "Type")]
    kind: &'static str,
    #[serde(rename = "Action")]
    action: Cow<'static, str>,
    #[serde(rename = "Actor")]
    actor: EventActor,
    scope: &'static str,
    time: i64,
    time_nano: i128,
}

pub(super) fn routes() -> Routes {
    Routes::new().route("/events", get(events).reads(&["filters", "since", "until"]))
}

async fn events(State(api): State<Api>, params: Params) -> Answer<Response> {
    let filters = params.filters(FILTERS)?;
    let since = params.text("since").map(moment).transpose()?;
    let until = params.text("until").map(moment).transpose()?;
    let (past, coming) = match since {
        Some(since) => api.daemon.events().subscribe_since(since),
        None => (Vec::new(), api.daemon.events().subscribe()),
    };
    // `until` may be past: what came before it is told all the same
    let coming = happening(coming).take_until(Box::pin(reached(until)));
    let told = stream::iter(past)
        .chain(coming)
        .filter(move |event| {
            let within = until.is_none_or(|until| event.time <= until);
            std::future::ready(within && matches(&filters, event))
        })
        .map(message);
    Ok(bodies::json_lines(told, api.closing))
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
    // what follows a colon are particulars: `exec_create: sh`, `health_status: healthy`
    let action = |wanted: &str| {
        let what = event.action.split(':').next().unwrap_or_default();
        wanted == event.action || wanted == what
    };
    let image = |wanted: &str| {
        let name = attribute(if event.kind == "image" {
            "name"
        } else {
            "image"
        });
        let is_it = event.kind == "image" && event.id == wanted;
        is_it || name.is_some_and(|name| name == wanted || untagged(name) == wanted)
    };
    filters.any("type", |kind| kind == event.kind)
        && filters.any("event", action)
        && filters.any("scope", |scope| scope == "local")
        && filters.any("image", image)
        && filters.labels("label", attribute)
        && OBJECTS.into_iter().all(object)
        && ABSENT.into_iter().all(|kind| filters.any(kind, |_| false))
}

/// An image's name without its tag.
fn untagged(name: &str) -> &str {
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => name,
    }
}

fn message(event: Event) -> Message {
    let of_container = event.kind == Kind::CONTAINER.as_ref();
    let by_id = of_container || event.kind == Kind::IMAGE.as_ref();
    Message {
        status: by_id.then(|| event.action.clone()),
        id: by_id.then(|| event.id.clone()),
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
        let attributes = [
            ("name", "web"),
            ("image", "busybox:latest"),
            ("tier", "front"),
        ];
        let attributes = attributes.map(|(key, value)| (key.to_owned(), value.to_owned()));
        Event {
            kind: "container",
            action: "exec_create: sh".into(),
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
            r#"{"type":["container"],"event":["exec_create","die"]}"#,
            r#"{"event":{"exec_create: sh":true}}"#,
            r#"{"image":["busybox:latest"]}"#,
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
            r#"{"event":["start"]}"#,
            r#"{"plugin":["web"]}"#,
            r#"{"image":["busy"]}"#,
        ] {
            assert!(!passes(text), "{text}");
        }
    }
}
