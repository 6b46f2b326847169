//! `top`: the processes of a container.

use bollard::query_parameters::TopOptions;
use clap::Args;

use crate::api::{Api, segment};
use crate::error::Result;
use crate::show::listing::aligned;
use crate::show::output;

/// Show the processes of a container
#[derive(Args)]
pub(crate) struct Top {
    /// Name or id
    container: String,
}

impl Top {
    pub(crate) async fn run(self, api: &Api) -> Result<u8> {
        let container = segment(&self.container);
        let top = api
            .docker
            .top_processes(&container, None::<TopOptions>)
            .await?;
        let titles = top.titles.unwrap_or_default();
        let rows = std::iter::once(titles).chain(top.processes.unwrap_or_default());
        output::line(aligned(rows.collect()))?;
        Ok(0)
    }
}
