//! `run` and `create`: a new container.

use bollard::query_parameters::CreateContainerOptions;
use clap::Args;

use super::attach::{Attached, Until};
use super::options::Options;
use super::{request, start};
use crate::api::Api;
use crate::error::Result;
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
        let attached = Attached::open(api, &id, streams, until).await?;
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

async fn create(api: &Api, options: Options, attached: bool) -> Result<String> {
    let query = CreateContainerOptions {
        name: options.name.clone(),
        ..Default::default()
    };
    let request = request::create(options, attached)?;
    let created = api.docker.create_container(Some(query), request).await?;
    for warning in created.warnings {
        output::warning(&warning);
    }
    Ok(created.id)
}
