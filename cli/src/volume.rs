//! `volume`: commands about volumes.

use std::collections::HashMap;

use bollard::models::{Volume, VolumeCreateRequest};
use bollard::query_parameters::{ListVolumesOptions, PruneVolumesOptions, RemoveVolumeOptions};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::api::{Api, segment};
use crate::container::lifecycle::each;
use crate::error::Result;
use crate::inspect::{Inspect, Kind};
use crate::parse::pair::{self, Filter, Pair};
use crate::prune::Pruning;
use crate::show::listing::{Listing, Shown};
use crate::show::output;

const VOLUMES: Listing = Listing {
    fields: &[
        ("ID", "VOLUME NAME"),
        ("Name", "VOLUME NAME"),
        ("Driver", "DRIVER"),
        ("Scope", "SCOPE"),
        ("Mountpoint", "MOUNTPOINT"),
        ("Labels", "LABELS"),
    ],
    table: "table {{.Driver}}\t{{.Name}}",
};

/// Manage volumes
#[derive(Subcommand)]
pub(crate) enum Command {
    Create(Create),
    #[command(visible_alias = "list")]
    Ls(List),
    /// Show all about volumes, as JSON
    Inspect(Inspect),
    #[command(visible_alias = "remove")]
    Rm(Remove),
    Prune(Prune),
}

/// Create a volume
#[derive(Args)]
pub(crate) struct Create {
    /// Set metadata
    #[arg(long, value_name = "KEY=VALUE")]
    label: Vec<Pair>,
    /// Its name; without one it is given one nobody has
    name: Option<String>,
}

/// List volumes
#[derive(Args)]
pub(crate) struct List {
    /// Show only those that fit, for instance dangling=true or name=TEXT
    #[arg(short, long, value_name = "KEY=VALUE")]
    filter: Vec<Filter>,
    #[command(flatten)]
    shown: Shown,
}

/// Remove volumes, with all that is in them
#[derive(Args)]
pub(crate) struct Remove {
    /// Do not mind those that do not exist
    #[arg(short, long)]
    force: bool,
    /// Names
    #[arg(required = true, value_name = "VOLUME")]
    volumes: Vec<String>,
}

/// Remove the volumes without a name that no container uses
#[derive(Args)]
pub(crate) struct Prune {
    /// Remove those with a name, too
    #[arg(short, long)]
    all: bool,
    #[command(flatten)]
    prune: Pruning,
}

impl Command {
    pub(crate) async fn run(self, api: &Api) -> Result<u8> {
        match self {
            Self::Create(command) => command.run(api).await,
            Self::Ls(command) => command.run(api).await,
            Self::Inspect(command) => command.run(api, Some(Kind::Volume)).await,
            Self::Rm(command) => command.run(api).await,
            Self::Prune(command) => command.run(api).await,
        }
    }
}

impl Create {
    async fn run(self, api: &Api) -> Result<u8> {
        let request = VolumeCreateRequest {
            name: self.name,
            labels: Some(pair::map(&self.label)),
            ..VolumeCreateRequest::default()
        };
        output::line(api.docker.create_volume(request).await?.name)?;
        Ok(0)
    }
}

impl List {
    async fn run(self, api: &Api) -> Result<u8> {
        let options = ListVolumesOptions {
            filters: Some(pair::filters(&self.filter)),
        };
        let listed = api.docker.list_volumes(Some(options)).await?;
        let volumes = listed.volumes.unwrap_or_default();
        VOLUMES.show(&volumes.iter().map(row).collect::<Vec<_>>(), &self.shown)?;
        Ok(0)
    }
}

impl Remove {
    async fn run(self, api: &Api) -> Result<u8> {
        let options = RemoveVolumeOptions { force: self.force };
        each(&self.volumes, async |volume| {
            let options = Some(options.clone());
            Ok(api.docker.remove_volume(&segment(volume), options).await?)
        })
        .await
    }
}

impl Prune {
    async fn run(self, api: &Api) -> Result<u8> {
        let which = if self.all { "all" } else { "all anonymous" };
        let question = format!("Remove {which} volumes that no container uses?");
        let prune = async |mut filters: HashMap<_, _>| {
            if self.all {
                filters.insert("all".to_owned(), vec!["true".to_owned()]);
            }
            let options = PruneVolumesOptions {
                filters: Some(filters),
            };
            let pruned = api.docker.prune_volumes(Some(options)).await?;
            Ok(pruned.volumes_deleted)
        };
        self.prune.run(&question, prune).await
    }
}

fn row(volume: &Volume) -> Value {
    let mut labels: Vec<String> = volume
        .labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    labels.sort_unstable();
    json!({
        "ID": volume.name,
        "Name": volume.name,
        "Driver": volume.driver,
        "Scope": volume.scope.as_ref().map(ToString::to_string).unwrap_or_default(),
        "Mountpoint": volume.mountpoint,
        "Labels": labels.join(","),
    })
}
