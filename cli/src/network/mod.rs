//! `network`: commands about networks.

mod create;
mod list;
mod membership;

use bollard::query_parameters::PruneNetworksOptions;
use clap::{Args, Subcommand};
use hyper::Method;

use crate::api::{Api, segment};
use crate::container::lifecycle::in_turn;
use crate::error::Result;
use crate::inspect::{Inspect, Kind};
use crate::prune::Pruning;

/// Manage networks
#[derive(Subcommand)]
pub(crate) enum Command {
    Create(create::Create),
    #[command(visible_alias = "list")]
    Ls(list::List),
    Inspect(InspectNetworks),
    #[command(visible_alias = "remove")]
    Rm(Remove),
    Connect(membership::Connect),
    Disconnect(membership::Disconnect),
    /// Remove all networks that no container uses
    Prune(Pruning),
}

/// Show all about networks, as JSON
#[derive(Args)]
pub(crate) struct InspectNetworks {
    /// Show what is for finding faults as well
    #[arg(short, long)]
    verbose: bool,
    #[command(flatten)]
    inspect: Inspect,
}

/// Remove networks
#[derive(Args)]
pub(crate) struct Remove {
    /// Let a network that is not there be no failure, and forget one whose plugin does not answer
    #[arg(short, long)]
    force: bool,
    /// Names or ids
    #[arg(required = true, value_name = "NETWORK")]
    networks: Vec<String>,
}

impl Command {
    pub(crate) async fn run(self, api: &Api) -> Result<u8> {
        match self {
            Self::Create(command) => command.run(api).await,
            Self::Ls(command) => command.run(api).await,
            Self::Inspect(command) => {
                // one host knows all there is to know of its networks: there is no more to ask for
                let _ = command.verbose;
                command.inspect.run(api, Some(Kind::Network)).await
            }
            Self::Rm(command) => command.run(api).await,
            Self::Connect(command) => command.run(api).await,
            Self::Disconnect(command) => command.run(api).await,
            Self::Prune(command) => {
                let question = "Remove all networks that no container uses?";
                let prune = async |filters| {
                    let options = PruneNetworksOptions {
                        filters: Some(filters),
                    };
                    let pruned = api.docker.prune_networks(Some(options)).await?;
                    Ok(pruned.networks_deleted)
                };
                command.run(question, prune).await
            }
        }
    }
}

impl Remove {
    async fn run(self, api: &Api) -> Result<u8> {
        let force = if self.force { "?force=1" } else { "" };
        in_turn(&self.networks, async |network| {
            let path = format!("/networks/{}{force}", segment(network));
            match api.open(Method::DELETE, &path).await {
                Err(error) if self.force && error.is_not_found() => Ok(()),
                outcome => outcome.map(drop),
            }
        })
        .await
    }
}
