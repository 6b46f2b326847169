//! `inspect`: all that the daemon tells about a thing.

use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::api::{Api, segment};
use crate::error::{Error, Result};
use crate::show::output;
use crate::show::template::Format;

/// Show all about containers, networks, images or volumes, as JSON
#[derive(Args)]
pub(crate) struct Inspect {
    /// Show a Go template, for instance {{.State.Pid}}, or `json`
    #[arg(short, long)]
    format: Option<String>,
    /// Names or ids
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
}

/// A kind of thing that can be inspected, in the order they are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// A container
    Container,
    /// A network
    Network,
    /// An image
    Image,
    /// A volume
    Volume,
    /// A network namespace of another runtime
    Sandbox,
}

/// `inspect`, of whatever has the name.
#[derive(Args)]
pub(crate) struct InspectAny {
    /// Look only for this kind of thing
    #[arg(long = "type", value_name = "KIND")]
    kind: Option<Kind>,
    #[command(flatten)]
    inspect: Inspect,
}

impl InspectAny {
    pub(crate) async fn run(self, api: &Api) -> Result<u8> {
        self.inspect.run(api, self.kind).await
    }
}

impl Inspect {
    /// Shows what is found of `kind`, or of any kind; what is not found is reported after it.
    pub(crate) async fn run(self, api: &Api, kind: Option<Kind>) -> Result<u8> {
        let format = match self.format.as_deref() {
            None | Some("json") => None,
            Some(text) => Some(Format::new(text)?),
        };
        let (mut found, mut failures) = (Vec::new(), Vec::new());
        for name in &self.names {
            match document(api, name, kind).await {
                Ok(document) => found.push(document),
                Err(error) => failures.push(error),
            }
        }
        match format {
            Some(format) => {
                found
                    .iter()
                    .try_for_each(|document| output::line(format.render(document)?))?;
            }
            None if self.format.is_some() => output::line(Value::Array(found))?,
            None => output::json(&Value::Array(found))?,
        }
        failures.iter().for_each(Error::report);
        Ok(u8::from(!failures.is_empty()))
    }
}

async fn document(api: &Api, name: &str, kind: Option<Kind>) -> Result<Value> {
    let segment = segment(name);
    let path = |kind| match kind {
        Kind::Container => format!("/containers/{segment}/json"),
        Kind::Network => format!("/networks/{segment}"),
        Kind::Image => format!("/images/{segment}/json"),
        Kind::Volume => format!("/volumes/{segment}"),
        Kind::Sandbox => format!("/sandboxes/{segment}/json"),
    };
    if let Some(kind) = kind {
        return api.document(&path(kind)).await;
    }
    for kind in Kind::value_variants() {
        match api.document(&path(*kind)).await {
            Err(error) if error.is_not_found() => {}
            other => return other,
        }
    }
    Err(Error::NoSuch {
        kind: "container, network, image, volume or sandbox",
        name: name.to_owned(),
    })
}
