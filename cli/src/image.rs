//! `image`: commands about images.

pub(crate) mod archive;
pub(crate) mod history;
mod prune;
pub(crate) mod transfer;

use std::path::Path;

use bollard::body_try_stream;
use bollard::models::ImageSummary;
use bollard::query_parameters::{
    CreateImageOptions, ListImagesOptions, RemoveImageOptions, TagImageOptions,
};
use clap::{Args, Subcommand};
use futures_util::TryStreamExt;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::fs::File;
use tokio::io::{self, AsyncRead};
use tokio_util::io::ReaderStream;

use crate::api::{Api, segment};
use crate::error::{Error, Result};
use crate::inspect::{Inspect, Kind};
use crate::parse::pair::{self, Filter};
use crate::show::listing::{Listing, Shown};
use crate::show::{human, output};

const FIELDS: &[(&str, &str)] = &[
    ("Repository", "REPOSITORY"),
    ("Tag", "TAG"),
    ("Digest", "DIGEST"),
    ("ID", "IMAGE ID"),
    ("CreatedSince", "CREATED"),
    ("CreatedAt", "CREATED AT"),
    ("Size", "SIZE"),
];

const IMAGES: Listing = Listing {
    fields: FIELDS,
    table: "table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}",
};

const WITH_DIGESTS: Listing = Listing {
    fields: FIELDS,
    table: "table {{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}",
};

/// Manage images
#[derive(Subcommand)]
pub(crate) enum Command {
    Pull(transfer::Pull),
    Push(transfer::Push),
    Import(Import),
    Load(archive::Load),
    Save(archive::Save),
    Tag(Tag),
    #[command(visible_alias = "list")]
    Ls(List),
    #[command(visible_alias = "remove")]
    Rm(Remove),
    Prune(prune::Prune),
    History(history::History),
    /// Show all about images, as JSON
    Inspect(Inspect),
}

/// Make an image of a root file system in a tar archive; prints its id
///
/// NAME comes first, then FILE. Docker's order, FILE first, is understood too where only that can
/// be meant: where the first is `-` or a file, and the second is neither.
#[derive(Args)]
pub(crate) struct Import {
    /// The image's name, NAME[:TAG]
    name: String,
    /// The archive; `-` for standard input
    file: String,
    /// Say what it is
    #[arg(short, long)]
    message: Option<String>,
}

/// List images
#[derive(Args)]
pub(crate) struct List {
    /// Show only those that fit, for instance reference=NAME
    #[arg(short, long, value_name = "KEY=VALUE")]
    filter: Vec<Filter>,
    /// Show digests of manifests, too
    #[arg(long)]
    digests: bool,
    /// Show all; rnet hides none
    #[arg(short, long)]
    all: bool,
    #[command(flatten)]
    shown: Shown,
    /// Show only those of this repository, NAME[:TAG]
    repository: Option<String>,
}

/// Give an image one more name
#[derive(Args)]
pub(crate) struct Tag {
    /// Name or id
    image: String,
    /// The new name, NAME[:TAG]; taken from the image that has it
    name: String,
}

/// Remove images
#[derive(Args)]
pub(crate) struct Remove {
    /// Remove them even if stopped containers use them
    #[arg(short, long)]
    force: bool,
    /// Names or ids
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,
}

impl Command {
    pub(crate) async fn run(self, api: &Api) -> Result<u8> {
        match self {
            Self::Pull(command) => command.run(api).await,
            Self::Push(command) => command.run(api).await,
            Self::Import(command) => command.run(api).await,
            Self::Load(command) => command.run(api).await,
            Self::Save(command) => command.run(api).await,
            Self::Tag(command) => command.run(api).await,
            Self::Prune(command) => command.run(api).await,
            Self::History(command) => command.run(api).await,
            Self::Ls(command) => command.run(api).await,
            Self::Rm(command) => command.run(api).await,
            Self::Inspect(command) => command.run(api, Some(Kind::Image)).await,
        }
    }
}

impl Import {
    pub(crate) async fn run(self, api: &Api) -> Result<u8> {
        let (name, file) = name_and_file(self.name, self.file);
        let archive: Box<dyn AsyncRead + Send + Unpin> = match file.as_str() {
            "-" => Box::new(io::stdin()),
            path => Box::new(File::open(path).await.map_err(|source| Error::Read {
                path: path.into(),
                source,
            })?),
        };
        let options = CreateImageOptions {
            from_src: Some("-".into()),
            repo: Some(name),
            message: self.message,
            ..Default::default()
        };
        let body = body_try_stream(ReaderStream::new(archive));
        let mut progress = api.docker.create_image(Some(options), Some(body), None);
        while let Some(step) = progress.try_next().await? {
            step.status.into_iter().try_for_each(output::line)?;
        }
        Ok(0)
    }
}

impl Tag {
    pub(crate) async fn run(self, api: &Api) -> Result<u8> {
        let options = TagImageOptions {
            repo: Some(self.name),
            tag: None,
        };
        let image = segment(&self.image);
        api.docker.tag_image(&image, Some(options)).await?;
        Ok(0)
    }
}

impl List {
    pub(crate) async fn run(self, api: &Api) -> Result<u8> {
        let mut filters = pair::filters(&self.filter);
        if let Some(repository) = self.repository {
            filters
                .entry("reference".to_owned())
                .or_default()
                .push(repository);
        }
        let options = ListImagesOptions {
            filters: Some(filters),
            all: self.all,
            ..Default::default()
        };
        let images = api.docker.list_images(Some(options)).await?;
        let rows: Vec<_> = images
            .iter()
            .flat_map(|image| rows(image, self.shown.no_trunc))
            .collect();
        let listing = match self.digests {
            true => &WITH_DIGESTS,
            false => &IMAGES,
        };
        listing.show(&rows, &self.shown)?;
        Ok(0)
    }
}

impl Remove {
    pub(crate) async fn run(self, api: &Api) -> Result<u8> {
        let mut code = 0;
        for image in &self.images {
            let options = RemoveImageOptions {
                force: self.force,
                ..Default::default()
            };
            match api
                .docker
                .remove_image(&segment(image), Some(options), None)
                .await
            {
                Err(error) => {
                    Error::from(error).report();
                    code = 1;
                }
                Ok(removed) => {
                    for step in removed {
                        let untagged = step.untagged.map(|name| format!("Untagged: {name}"));
                        let deleted = step.deleted.map(|id| format!("Deleted: {id}"));
                        untagged
                            .into_iter()
                            .chain(deleted)
                            .try_for_each(output::line)?;
                    }
                }
            }
        }
        Ok(code)
    }
}

/// The two words of `import` in our order, be they in Docker's.
fn name_and_file(first: String, second: String) -> (String, String) {
    let is_archive = |word: &str| word == "-" || Path::new(word).is_file();
    match (is_archive(&first), is_archive(&second)) {
        (true, false) => (second, first),
        _ => (first, second),
    }
}

/// A row for each name of an image; one that has none has one row nevertheless.
fn rows(image: &ImageSummary, no_trunc: bool) -> Vec<Value> {
    const NONE: &str = "<none>";
    let created = Timestamp::from_second(image.created).ok();
    let pinned = |name: &String| {
        name.split_once('@')
            .map(|(name, digest)| (name.to_owned(), digest.to_owned()))
    };
    let digests: Vec<_> = image.repo_digests.iter().filter_map(pinned).collect();
    let row = |repository: &str, tag: &str| {
        let digest = digests.iter().find(|(name, _)| name == repository);
        json!({
            "Repository": repository,
            "Tag": tag,
            "Digest": digest.map_or(NONE, |(_, digest)| digest.as_str()),
            "ID": if no_trunc { image.id.as_str() } else { human::short(&image.id) },
            "CreatedSince": created.map(|then| human::ago(then, Timestamp::now())),
            "CreatedAt": created.map(human::local),
            "Size": human::size(image.size),
        })
    };
    let tags = image
        .repo_tags
        .iter()
        .map(|name| name.rsplit_once(':').unwrap_or((name, NONE)));
    let mut names: Vec<_> = tags.collect();
    for (name, _) in &digests {
        if !names.iter().any(|(repository, _)| repository == name) {
            names.push((name, NONE));
        }
    }
    if names.is_empty() {
        names.push((NONE, NONE));
    }
    names
        .into_iter()
        .map(|(repository, tag)| row(repository, tag))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dockers_order_is_taken_only_where_it_alone_makes_sense() {
        let ordered = |first: &str, second: &str| name_and_file(first.into(), second.into());
        let pair = |name: &str, file: &str| (name.to_owned(), file.to_owned());
        let file = std::env::current_exe().unwrap();
        let file = file.to_str().unwrap();
        assert_eq!(ordered("busybox", file), pair("busybox", file));
        assert_eq!(ordered(file, "busybox"), pair("busybox", file));
        assert_eq!(ordered("-", "busybox"), pair("busybox", "-"));
        assert_eq!(
            ordered("busybox", "no-such.tar"),
            pair("busybox", "no-such.tar")
        );
        assert_eq!(ordered(file, "-"), pair(file, "-"));
    }

    #[test]
    fn an_image_has_a_row_for_each_name() {
        let names = ["busybox:latest", "registry:5000/busybox:1"].map(str::to_owned);
        let image = |repo_tags| ImageSummary {
            repo_tags,
            ..Default::default()
        };
        let named = rows(&image(names.into()), false);
        assert_eq!(
            (&named[0]["Repository"], &named[0]["Tag"]),
            (&"busybox".into(), &"latest".into())
        );
        assert_eq!(named[1]["Repository"], "registry:5000/busybox");
        assert_eq!(rows(&image(vec![]), false)[0]["Repository"], "<none>");
    }
}
