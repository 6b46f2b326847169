//! `version`, `info` and `events`: the daemon itself.

mod df;
mod prune;

use bollard::query_parameters::EventsOptions;
use clap::{Args, Subcommand};
use futures_util::TryStreamExt;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use crate::api::Api;
use crate::error::{Error, Result};
use crate::parse::moment::Moment;
use crate::parse::pair::{self, Filter};
use crate::show::output;
use crate::show::template::Format;

/// Commands about the daemon itself
#[derive(Subcommand)]
pub(crate) enum Command {
    Df(df::Usage),
    Prune(prune::Prune),
    Events(Events),
    Info(Info),
}

impl Command {
    pub(crate) async fn run(self, api: &Api) -> Result<u8> {
        match self {
            Self::Df(command) => command.run(api).await,
            Self::Prune(command) => command.run(api).await,
            Self::Events(command) => command.run(api).await,
            Self::Info(command) => command.run(api).await,
        }
    }
}

/// Show the versions of rnet and netd
#[derive(Args)]
pub(crate) struct Version {
    #[command(flatten)]
    shown: Shown,
}

/// Show what netd says of itself and its host
#[derive(Args)]
pub(crate) struct Info {
    #[command(flatten)]
    shown: Shown,
}

/// Show what happens, as it happens
#[derive(Args)]
pub(crate) struct Events {
    /// Start here: 10m (ago), 2026-11-21T10:00:00Z, or seconds since 1970
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,
    /// End here
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,
    /// Show only events that fit, for instance type=network
    #[arg(short, long, value_name = "KEY=VALUE")]
    filter: Vec<Filter>,
    #[command(flatten)]
    shown: Shown,
}

#[derive(Args)]
struct Shown {
    /// Show a Go template, or `json`
    #[arg(short = 'F', long, value_name = "FORMAT")]
    format: Option<String>,
}

impl Shown {
    /// Prints `document` as asked for, or as `plainly` says.
    fn show(&self, document: &Value, plainly: impl FnOnce(&Value) -> String) -> Result<()> {
        match self.format.as_deref() {
            None => output::line(plainly(document)),
            Some("json") => output::line(document),
            Some(format) => output::line(Format::new(format)?.render(document)?),
        }
    }
}

impl Version {
    pub(crate) async fn run(self, api: &Api) -> Result<u8> {
        let mut versions = json!({ "Client": { "Version": env!("CARGO_PKG_VERSION") } });
        let server = api.document("/version").await;
        if let Ok(server) = &server {
            versions["Server"] = server.clone();
        }
        self.shown.show(&versions, |versions| {
            let parts = [("Client", "rnet"), ("Server", "netd")];
            let parts = parts
                .into_iter()
                .filter(|(part, _)| versions[part].is_object());
            let parts =
                parts.map(|(part, name)| format!("{name}:\n{}", fields(&versions[part], " ")));
            parts.collect::<Vec<_>>().join("\n")
        })?;
        server.map(|_| 0)
    }
}

impl Info {
    pub(crate) async fn run(self, api: &Api) -> Result<u8> {
        let info = api.document("/info").await?;
        self.shown.show(&info, |info| fields(info, ""))?;
        let warnings = info["Warnings"].as_array().into_iter().flatten();
        warnings.filter_map(Value::as_str).for_each(output::warning);
        Ok(0)
    }
}

impl Events {
    pub(crate) async fn run(self, api: &Api) -> Result<u8> {
        let options = EventsOptions {
            since: self.since.map(|moment| moment.to_string()),
            until: self.until.map(|moment| moment.to_string()),
            filters: Some(pair::filters(&self.filter)),
        };
        let mut events = api.docker.events(Some(options));
        while let Some(event) = events.try_next().await? {
            let event = serde_json::to_value(event).map_err(Error::answer)?;
            self.shown.show(&event, line)?;
        }
        Ok(0)
    }
}

/// The fields of `document` that have something to say, one per line.
fn fields(document: &Value, indent: &str) -> String {
    let fields = document.as_object().into_iter().flatten();
    let lines = fields.filter_map(|(name, value)| match value {
        Value::String(text) if !text.is_empty() => Some(format!("{indent}{name}: {text}")),
        Value::Bool(_) | Value::Number(_) => Some(format!("{indent}{name}: {value}")),
        // {"Driver": …}: what does it
        Value::Object(fields) => match fields.get("Driver").and_then(Value::as_str) {
            Some(driver) => Some(format!("{indent}{name}: {driver}")),
            None => lists(fields, indent).map(|lists| format!("{indent}{name}:\n{lists}")),
        },
        _ => None,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The lists of words among fields, one per line; none if there are none.
fn lists(fields: &Map<String, Value>, indent: &str) -> Option<String> {
    let lines = fields.iter().filter_map(|(name, list)| {
        let words: Vec<&str> = list.as_array()?.iter().filter_map(Value::as_str).collect();
        (!words.is_empty()).then(|| format!("{indent}  {name}: {}", words.join(" ")))
    });
    let lines: Vec<_> = lines.collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// `TIME TYPE ACTION ID (ATTRIBUTES)`.
fn line(event: &Value) -> String {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let time = event["timeNano"].as_i64().unwrap_or_default();
    let time = Timestamp::from_nanosecond(time.into()).unwrap_or_default();
    let time = time
        .to_zoned(TimeZone::system())
        .strftime("%Y-%m-%dT%H:%M:%S.%9f%:z");
    let actor = &event["Actor"];
    let attributes = actor["Attributes"].as_object().into_iter().flatten();
    let attributes = attributes.map(|(key, value)| format!("{key}={}", word(value)));
    let attributes = attributes.collect::<Vec<_>>().join(", ");
    let (kind, action, id) = (
        word(&event["Type"]),
        word(&event["Action"]),
        word(&actor["ID"]),
    );
    format!("{time} {kind} {action} {id} ({attributes})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line() {
        let event = json!({
            "Type": "network", "Action": "connect", "timeNano": 1_000_000_001_i64,
            "Actor": { "ID": "abc", "Attributes": { "name": "n", "container": "c" } },
        });
        let line = line(&event);
        assert!(line.contains("01.000000001"), "{line}");
        assert!(
            line.ends_with(" network connect abc (container=c, name=n)"),
            "{line}"
        );
    }

    #[test]
    fn fields_without_words_are_left_out() {
        let document = json!({ "A": "x", "B": "", "C": [1], "D": 7, "E": null, "F": false, "G": { "Driver": "d" } });
        assert_eq!(fields(&document, " "), " A: x\n D: 7\n F: false\n G: d");
    }
}
