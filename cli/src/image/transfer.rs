//! `pull` and `push`: images from registries and to them.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE;
use clap::{Args, ValueEnum};
use futures_util::TryStreamExt;
use http_body_util::BodyExt;
use hyper::Method;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio_util::io::StreamReader;

use crate::api::{Api, segment};
use crate::error::{Error, Result};
use crate::login::{Config, address_of};
use crate::show::output;
use crate::show::progress::Board;

/// Pull an image from a registry
#[derive(Args)]
pub(crate) struct Pull {
    /// Pull all images of the repository that have a tag
    #[arg(short, long)]
    all_tags: bool,
    /// Pull the image for this platform, OS/ARCHITECTURE[/VARIANT], not for this machine
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<String>,
    /// Print its name only
    #[arg(short, long)]
    quiet: bool,
    /// The image, NAME[:TAG] or NAME@DIGEST
    image: String,
}

/// Push an image to the registry that its name leads to
#[derive(Args)]
pub(crate) struct Push {
    /// Push all images that the repository has here
    #[arg(short, long)]
    all_tags: bool,
    /// Print its name only
    #[arg(short, long)]
    quiet: bool,
    /// The image, NAME[:TAG]
    image: String,
}

/// When the image of a new container is pulled.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub(crate) enum When {
    /// Each time
    Always,
    /// When it is not here
    #[default]
    Missing,
    /// Never
    Never,
}

impl Pull {
    pub(crate) async fn run(self, api: &Api) -> Result<u8> {
        let (bare, version) = split(&self.image);
        if self.all_tags && version.is_some() {
            return Err(Error::Conflict("tag can't be used with --all-tags/-a"));
        }
        if version.is_none() && !self.all_tags && !self.quiet {
            output::line("Using default tag: latest")?;
        }
        let default = (!self.all_tags).then_some("latest");
        let version = version.or(default);
        let platform = self.platform.as_deref();
        let path = path(bare, version, platform);
        let board = if self.quiet {
            Board::silent()
        } else {
            Board::output()
        };
        follow(api, &self.image, &path, board).await?;
        output::line(whole(&self.image, version))?;
        Ok(0)
    }
}

impl Push {
    pub(crate) async fn run(self, api: &Api) -> Result<u8> {
        let (bare, version) = split(&self.image);
        if self.all_tags && version.is_some() {
            return Err(Error::Conflict("tag can't be used with --all-tags/-a"));
        }
        let tag = version.unwrap_or(if self.all_tags { "" } else { "latest" });
        if !self.quiet && !self.all_tags && version.is_none() {
            output::line("Using default tag: latest")?;
        }
        let path = format!("/images/{}/push?tag={}", segment(bare), segment(tag));
        let board = if self.quiet {
            Board::silent()
        } else {
            Board::output()
        };
        follow(api, &self.image, &path, board).await?;
        if self.quiet {
            output::line(whole(&self.image, Some(tag).filter(|tag| !tag.is_empty())))?;
        }
        Ok(0)
    }
}

/// Pulls the image of a new container; what happens is told on standard error.
pub(crate) async fn pull(
    api: &Api,
    image: &str,
    platform: Option<&str>,
    quiet: bool,
) -> Result<()> {
    let (bare, version) = split(image);
    let path = path(bare, version.or(Some("latest")), platform);
    let board = if quiet {
        Board::silent()
    } else {
        Board::error()
    };
    follow(api, image, &path, board).await
}

fn path(bare: &str, version: Option<&str>, platform: Option<&str>) -> String {
    let mut path = format!("/images/create?fromImage={}", segment(bare));
    for (key, value) in [("tag", version), ("platform", platform)] {
        path.extend(value.map(|value| format!("&{key}={}", segment(value))));
    }
    path
}

/// Posts, and shows what is told until the end.
async fn follow(api: &Api, image: &str, path: &str, mut board: Board) -> Result<()> {
    let server = address_of(image);
    let login = Config::read()?.find(&server)?.unwrap_or_default();
    let login = BASE64_URL_SAFE.encode(login.document(&server).to_string());
    let answer = api
        .open_with(Method::POST, path, &[("X-Registry-Auth", &login)])
        .await?;
    let body = answer
        .into_body()
        .into_data_stream()
        .map_err(std::io::Error::other);
    let mut lines = BufReader::new(StreamReader::new(body)).lines();
    while let Some(line) = lines.next_line().await.map_err(Error::broken)? {
        let step: Value = serde_json::from_str(&line).map_err(Error::answer)?;
        board.show(&step)?;
    }
    Ok(())
}

/// The name without tag or digest, and those.
fn split(image: &str) -> (&str, Option<&str>) {
    if let Some((name, digest)) = image.split_once('@') {
        return (split(name).0, Some(digest));
    }
    match image.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')) {
        Some((name, tag)) => (name, Some(tag)),
        None => (image, None),
    }
}

/// The name with the tag that it has, or is given.
pub(crate) fn tagged(image: &str) -> String {
    match split(image) {
        (bare, None) => format!("{bare}:latest"),
        _ => image.to_owned(),
    }
}

/// The name that Docker tells at the end.
fn whole(image: &str, version: Option<&str>) -> String {
    let (bare, _) = split(image);
    let host = match address_of(image).starts_with("https://") {
        true if bare.starts_with("docker.io/") => "",
        true if !bare.contains('/') => "docker.io/library/",
        true => "docker.io/",
        false => "",
    };
    let mark = if version.is_some_and(|it| it.contains(':')) {
        "@"
    } else {
        ":"
    };
    version.map_or_else(
        || format!("{host}{bare}"),
        |version| format!("{host}{bare}{mark}{version}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_told_whole() {
        for (image, version, told) in [
            (
                "busybox",
                Some("latest"),
                "docker.io/library/busybox:latest",
            ),
            ("team/app:1", Some("1"), "docker.io/team/app:1"),
            (
                "localhost:5000/app",
                Some("latest"),
                "localhost:5000/app:latest",
            ),
            ("localhost:5000/app", None, "localhost:5000/app"),
            (
                "app@sha256:0",
                Some("sha256:0"),
                "docker.io/library/app@sha256:0",
            ),
        ] {
            assert_eq!(whole(image, version), told);
        }
        assert_eq!(split("localhost:5000/app"), ("localhost:5000/app", None));
        assert_eq!(split("app:1@sha256:0"), ("app", Some("sha256:0")));
    }
}
