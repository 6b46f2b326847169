//! `commit`: an image of what a container has written.

use clap::Args;
use serde_json::Value;

use crate::api::{Api, segment};
use crate::error::{Error, Result};
use crate::show::output;

/// Make an image of a container's image and of what the container has written; prints its id
///
/// What is mounted into the container, volumes among it, is not in the image.
#[derive(Args)]
pub(crate) struct Commit {
    /// Say who made it
    #[arg(short, long, default_value = "", hide_default_value = true)]
    author: String,
    /// Change its configuration, as an instruction of a Dockerfile: CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, STOPSIGNAL,
    /// USER, VOLUME, WORKDIR
    #[arg(short, long, value_name = "INSTRUCTION")]
    change: Vec<String>,
    /// Say why
    #[arg(short, long, default_value = "", hide_default_value = true)]
    message: String,
    /// Hold the container still meanwhile
    #[arg(short, long, default_value_t = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = clap::ArgAction::Set)]
    pause: bool,
    /// Name or id
    container: String,
    /// The new image's name, NAME[:TAG]
    name: Option<String>,
}

impl Commit {
    pub(crate) async fn run(self, api: &Api) -> Result<u8> {
        let mut path = format!(
            "/commit?container={}&pause={}",
            segment(&self.container),
            self.pause
        );
        let name = self.name.as_deref().unwrap_or_default();
        let changes = self
            .change
            .iter()
            .map(|change| ("changes", change.as_str()));
        let texts = [
            ("repo", name),
            ("author", &self.author),
            ("comment", &self.message),
        ];
        for (key, value) in texts.into_iter().chain(changes) {
            path.push_str(&format!("&{key}={}", segment(value)));
        }
        let made = api.post(&path, &Value::Null).await?;
        let id = made["Id"]
            .as_str()
            .ok_or_else(|| Error::answer("no id was told"))?;
        output::line(id)?;
        Ok(0)
    }
}
