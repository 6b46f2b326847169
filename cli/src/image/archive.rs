//! `load`, `save` and `export`: archives of images, and of containers' files.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use bollard::errors::Error as ClientError;
use bollard::models::BuildInfo;
use bollard::query_parameters::ImportImageOptions;
use bytes::Bytes;
use clap::Args;
use futures_util::{Stream, TryStreamExt};
use tokio::fs::File;
use tokio::io::{self, AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_util::io::ReaderStream;

use crate::api::{Api, segment};
use crate::error::{Error, Result};
use crate::show::output;

/// Load images from an archive, as `rnet save`, `docker save` and `podman save` write it, or from an OCI layout
#[derive(Args)]
pub(crate) struct Load {
    /// The archive; standard input where none is given
    #[arg(short, long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Do not tell how far it is
    #[arg(short, long)]
    quiet: bool,
}

/// Save images into an archive that rnet, Docker and podman load
#[derive(Args)]
pub(crate) struct Save {
    /// Where to write; standard output where none is given
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Names or ids; a name without a tag means all its tags
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,
}

/// Write all files of a container as an archive, without what is mounted into it
#[derive(Args)]
pub(crate) struct Export {
    /// Where to write; standard output where none is given
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Name or id
    container: String,
}

impl Load {
    pub(crate) async fn run(self, api: &Api) -> Result<u8> {
        let archive: Box<dyn AsyncRead + Send + Unpin> = match self.input {
            None => Box::new(io::stdin()),
            Some(path) => match File::open(&path).await {
                Ok(file) => Box::new(file),
                Err(source) => return Err(Error::Read { path, source }),
            },
        };
        let shown = !self.quiet && std::io::stderr().is_terminal();
        let options = ImportImageOptions {
            quiet: !shown,
            ..Default::default()
        };
        let body = ReaderStream::new(archive);
        let mut steps = api.docker.import_image_stream(options, body, None);
        while let Some(step) = steps.try_next().await? {
            if let Some(message) = step
                .error_detail
                .as_ref()
                .and_then(|detail| detail.message.clone())
            {
                return Err(Error::Daemon {
                    status: 200,
                    message,
                });
            }
            match &step.stream {
                Some(line) => output::text(line)?,
                None if shown => progress(&step),
                None => {}
            }
        }
        Ok(0)
    }
}

/// Tells on the terminal how far a layer is, on one line that is written over.
fn progress(step: &BuildInfo) {
    let (Some(id), Some(detail)) = (&step.id, &step.progress_detail) else {
        return;
    };
    let (current, total) = (detail.current.unwrap_or(0), detail.total.unwrap_or(0));
    let end = if current >= total { '\n' } else { '\r' };
    let percent = current
        .saturating_mul(100)
        .checked_div(total)
        .unwrap_or(100);
    // Where standard error is gone, nobody wants to know.
    let _ = write!(std::io::stderr(), "{id}: loading layer {percent:>3} %{end}");
}

impl Save {
    pub(crate) async fn run(self, api: &Api) -> Result<u8> {
        let names: Vec<&str> = self.images.iter().map(String::as_str).collect();
        write(api.docker.export_images(&names), self.output).await
    }
}

impl Export {
    pub(crate) async fn run(self, api: &Api) -> Result<u8> {
        let name = segment(&self.container);
        write(api.docker.export_container(&name), self.output).await
    }
}

async fn write(
    archive: impl Stream<Item = Result<Bytes, ClientError>>,
    output: Option<PathBuf>,
) -> Result<u8> {
    if output.is_none() && std::io::stdout().is_terminal() {
        return Err(Error::Conflict(
            "cowardly refusing to save to a terminal. Use the -o flag or redirect",
        ));
    }
    let mut archive = Box::pin(archive);
    // a refusal leaves no file
    let mut chunk = archive.try_next().await?;
    let mut out: Box<dyn AsyncWrite + Send + Unpin> = match &output {
        None => Box::new(io::stdout()),
        Some(path) => Box::new(File::create(path).await.map_err(Error::Output)?),
    };
    while let Some(bytes) = chunk {
        out.write_all(&bytes).await.map_err(Error::Output)?;
        chunk = archive.try_next().await?;
    }
    out.flush().await.map_err(Error::Output)?;
    Ok(0)
}
