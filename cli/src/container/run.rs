//! `run` and `create`: a new container.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

use bollard::query_parameters::CreateContainerOptions;
use clap::Args;

use super::attach::{Attached, Manner, Until};
use super::options::Options;
use super::{request, start};
use crate::api::Api;
use crate::error::{Error, Result};
use crate::image::transfer::{self, When, tagged};
use crate::show::output;
use crate::stream::session::Streams;

/// Create a container and start it
#[derive(Args)]
#[command(override_usage = "rnet run [OPTIONS] IMAGE [COMMAND] [ARG...]")]
pub(crate) struct Run {
    /// Leave it in the background and print its id
    #[arg(short, long)]
    detach: bool,
    #[command(flatten)]
    manner: Manner,
    #[command(flatten)]
    options: Options,
}

/// Create a container without starting it; prints its id
#[derive(Args)]
#[command(override_usage = "rnet create [OPTIONS] IMAGE [COMMAND] [ARG...]")]
pub(crate) struct Create {
    #[command(flatten)]
    options: Options,
}

impl Run {
    /// Returns the exit code of the container, or 0 once it is in the background.
    pub(crate) async fn run(self, api: &Api) -> Result<u8> {
        if self.detach {
            let id = create(api, self.options, false).await?;
            start::start(api, &id).await?;
            output::line(id)?;
            return Ok(0);
        }
        let streams = Streams::new(self.options.tty, self.options.interactive)?;
        let until = if self.options.remove {
            Until::Removed
        } else {
            Until::NextExit
        };
        let id = create(api, self.options, true).await?;
        let attached = Attached::open(api, &id, streams, self.manner, until).await?;
        start::start(api, &id).await?;
        attached.follow().await
    }
}

impl Create {
    /// Prints the id of the new container.
    pub(crate) async fn run(self, api: &Api) -> Result<u8> {
        let id = create(api, self.options, true).await?;
        output::line(id)?;
        Ok(0)
    }
}

/// The file for a container's id, made before the container.
fn id_file(path: PathBuf) -> Result<(PathBuf, File)> {
    match File::create_new(&path) {
        Ok(file) => Ok((path, file)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(Error::IdFile(path)),
        Err(source) => Err(Error::WriteId { path, source }),
    }
}

async fn create(api: &Api, options: Options, attached: bool) -> Result<String> {
    let file = options.cidfile.clone().map(id_file).transpose()?;
    let id = create_or_pull(api, options, attached).await;
    let id = id.inspect_err(|_| {
        // a file without an id would be in the way of the next one
        let _ = file.as_ref().map(|(path, _)| fs::remove_file(path));
    })?;
    if let Some((path, mut file)) = file {
        let written = file.write_all(id.as_bytes());
        written.map_err(|source| Error::WriteId { path, source })?;
    }
    Ok(id)
}

async fn create_or_pull(api: &Api, options: Options, attached: bool) -> Result<String> {
    let image = options
        .image_and_command
        .first()
        .cloned()
        .unwrap_or_default();
    let (when, platform, quiet) = (options.pull, options.platform.clone(), options.quiet);
    let query = CreateContainerOptions {
        name: options.name.clone(),
        platform: platform.clone().unwrap_or_default(),
    };
    let request = request::create(options, attached)?;
    let pull = || transfer::pull(api, &image, platform.as_deref(), quiet);
    if when == When::Always {
        pull().await?;
    }
    let create = || async {
        let created = api
            .docker
            .create_container(Some(query.clone()), request.clone());
        created.await.map_err(Error::from)
    };
    let created = match create().await {
        // of the things that it can miss, only an image can be had
        Err(error) if when == When::Missing && error.is_no_image() => {
            if !quiet {
                output::remark(&format!(
                    "Unable to find image '{}' locally",
                    tagged(&image)
                ));
            }
            pull().await?;
            create().await?
        }
        created => created?,
    };
    for warning in created.warnings {
        output::warning(&warning);
    }
    Ok(created.id)
}
