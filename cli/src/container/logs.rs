//! `logs`: what a container has written.

use std::io;

use clap::Args;
use futures_util::TryStreamExt;
use http_body_util::BodyExt;
use hyper::Method;
use tokio_util::io::StreamReader;

use crate::api::{Api, segment};
use crate::error::Result;
use crate::parse::moment::Moment;
use crate::stream::session;

/// Show what a container has written
#[derive(Args)]
pub(crate) struct Logs {
    /// Go on with what it will write
    #[arg(short, long)]
    follow: bool,
    /// Start here: 10m (ago), 2026-11-21T10:00:00Z, or seconds since 1970
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,
    /// End here
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,
    /// Show so many lines from the end
    #[arg(short = 'n', long, default_value = "all", value_parser = lines)]
    tail: String,
    /// Show before each line what is noted with it (`--log-opt` labels, env and tag)
    #[arg(long)]
    details: bool,
    /// Show when each line was written
    #[arg(short, long)]
    timestamps: bool,
    /// Name or id
    container: String,
}

impl Logs {
    pub(crate) async fn run(self, api: &Api) -> Result<u8> {
        let name = segment(&self.container);
        let document = api.document(&format!("/containers/{name}/json")).await?;
        let answer = api.open(Method::GET, &self.path(&name)).await?;
        let body = answer
            .into_body()
            .into_data_stream()
            .map_err(io::Error::other);
        let tty = document["Config"]["Tty"].as_bool().unwrap_or_default();
        session::show(StreamReader::new(body), tty).await?;
        Ok(0)
    }

    fn path(&self, name: &str) -> String {
        let (follow, timestamps) = (u8::from(self.follow), u8::from(self.timestamps));
        let details = u8::from(self.details);
        let bound = |key: &str, moment: Option<Moment>| {
            moment.map_or_else(String::new, |moment| format!("&{key}={moment}"))
        };
        format!(
            "/containers/{name}/logs?stdout=1&stderr=1&follow={follow}&timestamps={timestamps}\
             &details={details}&tail={tail}{since}{until}",
            tail = self.tail,
            since = bound("since", self.since),
            until = bound("until", self.until),
        )
    }
}

fn lines(text: &str) -> Result<String, String> {
    match text {
        "all" => Ok(text.into()),
        _ if text.parse::<u32>().is_ok() => Ok(text.into()),
        _ => Err("write a number of lines, or all".into()),
    }
}
