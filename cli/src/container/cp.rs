//! `cp`: files between containers and here.

mod local;
mod place;

use std::path::PathBuf;

use bollard::body_try_stream;
use bollard::query_parameters::{
    ContainerArchiveInfoOptions, DownloadFromContainerOptions, UploadToContainerOptions,
};
use clap::Args;
use futures_util::TryStreamExt;
use tokio::io::AsyncWriteExt;
use tokio_util::io::{ReaderStream, StreamReader, SyncIoBridge};

use crate::api::{Api, segment};
use crate::error::{Error, Result};
use place::{Place, join, last, parent};

/// The bit of Go's `FileMode` for directories (io/fs).
const DIRECTORY: u32 = 1 << 31;

/// How many bytes of an archive wait to be sent.
const WAITING: usize = 256 << 10;

/// Copy files between a container, running or not, and here
///
/// One of both is CONTAINER:PATH; the other is a path here, or `-` for an archive on standard input
/// or output. A directory that exists gets what is copied under its name; PATH/. means the content alone.
#[derive(Args)]
pub(crate) struct Copy {
    /// Keep owners; otherwise what is copied into a container is root's
    #[arg(short, long)]
    archive: bool,
    /// Follow a symbolic link that SOURCE is
    #[arg(short = 'L', long)]
    follow_link: bool,
    /// From where
    source: Place,
    /// To where
    destination: Place,
}

impl Copy {
    pub(crate) async fn run(self, api: &Api) -> Result<u8> {
        match (self.source, self.destination) {
            (Place::Container { name, path }, Place::Here(here)) => {
                let path = match self.follow_link {
                    true => resolved(api, &name, path).await?,
                    false => path,
                };
                download(api, &name, path, &here).await?;
            }
            (Place::Here(here), Place::Container { name, path }) => {
                let options = local::Options {
                    keep_owners: self.archive,
                    follow_link: self.follow_link,
                };
                upload(api, &here, &name, path, options).await?;
            }
            (Place::Container { .. }, Place::Container { .. }) => {
                return Err(Error::Conflict(
                    "copying between containers is not supported",
                ));
            }
            (Place::Here(_), Place::Here(_)) => {
                return Err(Error::Conflict(
                    "must specify at least one container source",
                ));
            }
        }
        Ok(0)
    }
}

async fn download(api: &Api, name: &str, path: String, here: &str) -> Result<()> {
    let options = DownloadFromContainerOptions { path: path.clone() };
    let archive = api
        .docker
        .download_from_container(&segment(name), Some(options));
    let archive = Box::pin(archive.map_err(std::io::Error::other));
    let mut reader = StreamReader::new(archive);
    if here == "-" {
        let mut out = tokio::io::stdout();
        tokio::io::copy(&mut reader, &mut out)
            .await
            .map_err(Error::broken)?;
        return out.flush().await.map_err(Error::Output);
    }
    // a refusal is told before anything is touched here
    let about = about(api, name, &path).await?;
    let is_directory = about & DIRECTORY != 0;
    let (into, rename) = local::destination(here, is_directory)?;
    let unpacking = tokio::task::spawn_blocking(move || {
        local::unpack(SyncIoBridge::new(reader), &into, rename.as_deref())
    });
    unpacking.await.map_err(Error::broken)?
}

async fn upload(
    api: &Api,
    here: &str,
    name: &str,
    path: String,
    options: local::Options,
) -> Result<()> {
    let send = async |into: String, body| {
        let options = UploadToContainerOptions {
            path: into,
            no_overwrite_dir_non_dir: Some("true".to_owned()),
            ..Default::default()
        };
        let name = segment(name);
        api.docker
            .upload_to_container(&name, Some(options), body)
            .await
    };
    if here == "-" {
        let body = body_try_stream(ReaderStream::new(tokio::io::stdin()));
        return Ok(send(path, body).await?);
    }
    let source = PathBuf::from(here);
    let is_directory = local::is_directory(&source, options)?;
    let path = resolved(api, name, path).await?;
    let content_alone = here.ends_with("/.");
    let (into, shown) = match about(api, name, &path).await {
        Ok(mode) if mode & DIRECTORY != 0 && content_alone => (path, ".".to_owned()),
        Ok(mode) if mode & DIRECTORY != 0 => (path, last(here)),
        Ok(_) if is_directory => return Err(Error::Conflict("cannot copy directory")),
        Err(error) if !error.is_not_found() => return Err(error),
        Err(_) if path.ends_with('/') && !is_directory => {
            return Err(Error::Conflict("no such directory"));
        }
        _ => (parent(&path), last(&path)),
    };
    let (reader, writer) = tokio::io::simplex(WAITING);
    let packing = tokio::task::spawn_blocking(move || {
        let mut writer = SyncIoBridge::new(writer);
        let packed = local::pack(&source, &shown, options, &mut writer);
        packed.and_then(|()| writer.shutdown().map_err(Error::Output))
    });
    let sent = send(into, body_try_stream(ReaderStream::new(reader))).await;
    // who could not read is why the other refused
    packing.await.map_err(Error::broken)??;
    Ok(sent?)
}

/// What a path of a container is, as Go's `FileMode`.
async fn about(api: &Api, name: &str, path: &str) -> Result<u32> {
    Ok(info(api, name, path).await?.file_mode)
}

/// Where a path of a container leads: a link at its end is followed once.
async fn resolved(api: &Api, name: &str, path: String) -> Result<String> {
    match info(api, name, &path).await {
        Ok(about) if !about.link_target.is_empty() => Ok(join(&parent(&path), &about.link_target)),
        // who asks for it next is told
        _ => Ok(path),
    }
}

async fn info(api: &Api, name: &str, path: &str) -> Result<bollard::container::PathStatResponse> {
    let options = ContainerArchiveInfoOptions {
        path: path.to_owned(),
    };
    let name = segment(name);
    let told = api.docker.get_container_archive_info(&name, Some(options));
    Ok(told.await?)
}
