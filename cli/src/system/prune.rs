//! `system prune`: removing all that nothing uses.

use std::collections::HashMap;

use bollard::query_parameters::{
    PruneContainersOptions, PruneImagesOptions, PruneNetworksOptions, PruneVolumesOptions,
};
use clap::Args;

use crate::api::Api;
use crate::error::Result;
use crate::prune::Pruning;
use crate::show::human;

/// Remove what nothing uses: containers that do not run, networks, nameless images
#[derive(Args)]
pub(crate) struct Prune {
    /// Remove all images that no container is made from, not the nameless only
    #[arg(short, long)]
    all: bool,
    /// Remove anonymous volumes that no container uses, too
    #[arg(long)]
    volumes: bool,
    #[command(flatten)]
    prune: Pruning,
}

impl Prune {
    pub(crate) async fn run(self, api: &Api) -> Result<u8> {
        let volumes = if self.volumes {
            "all anonymous volumes that no container uses, "
        } else {
            ""
        };
        let images = if self.all { "all" } else { "all nameless" };
        let question = format!(
            "Remove all containers that do not run, all networks that no container is on, {volumes}and {images} images that no \
             container is made from?"
        );
        let mut reclaimed = 0;
        let removed = async |filters: HashMap<String, Vec<String>>| {
            let filters = || Some(filters.clone());
            let containers = api
                .docker
                .prune_containers(Some(PruneContainersOptions { filters: filters() }))
                .await?;
            let networks = api
                .docker
                .prune_networks(Some(PruneNetworksOptions { filters: filters() }))
                .await?;
            let mut names = containers.containers_deleted.unwrap_or_default();
            names.extend(networks.networks_deleted.unwrap_or_default());
            reclaimed += containers.space_reclaimed.unwrap_or(0);
            if self.volumes {
                // volumes have no age
                let filters = filters().map(|mut filters| {
                    filters.remove("until");
                    filters
                });
                let volumes = api
                    .docker
                    .prune_volumes(Some(PruneVolumesOptions { filters }))
                    .await?;
                names.extend(volumes.volumes_deleted.unwrap_or_default());
                reclaimed += volumes.space_reclaimed.unwrap_or(0);
            }
            let mut filters = filters().unwrap_or_default();
            filters.insert("dangling".to_owned(), vec![(!self.all).to_string()]);
            let images = api
                .docker
                .prune_images(Some(PruneImagesOptions {
                    filters: Some(filters),
                }))
                .await?;
            reclaimed += images.space_reclaimed.unwrap_or(0);
            let told = images
                .images_deleted
                .into_iter()
                .flatten()
                .filter_map(|it| {
                    let untagged = it.untagged.map(|name| format!("untagged: {name}"));
                    untagged.or_else(|| it.deleted.map(|id| format!("deleted: {id}")))
                });
            names.extend(told);
            names.push(format!("Total reclaimed space: {}", human::size(reclaimed)));
            Ok(Some(names))
        };
        self.prune.run(&question, removed).await
    }
}
