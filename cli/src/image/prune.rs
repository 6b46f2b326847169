//! `image prune`: removing what no container is made from.

use std::collections::HashMap;

use bollard::query_parameters::PruneImagesOptions;
use clap::Args;

use crate::api::Api;
use crate::error::Result;
use crate::prune::Pruning;

/// Remove the images without a name that no container is made from
#[derive(Args)]
pub(crate) struct Prune {
    /// Remove those with a name, too
    #[arg(short, long)]
    all: bool,
    #[command(flatten)]
    prune: Pruning,
}

impl Prune {
    pub(crate) async fn run(self, api: &Api) -> Result<u8> {
        let which = if self.all { "all" } else { "all nameless" };
        let question = format!("Remove {which} images that no container is made from?");
        let prune = async |mut filters: HashMap<_, _>| {
            let dangling = (!self.all).to_string();
            filters.insert("dangling".to_owned(), vec![dangling]);
            let options = PruneImagesOptions {
                filters: Some(filters),
            };
            let pruned = api.docker.prune_images(Some(options)).await?;
            let deleted = pruned.images_deleted.into_iter().flatten();
            let lines = deleted.filter_map(|it| {
                let untagged = it.untagged.map(|name| format!("untagged: {name}"));
                untagged.or_else(|| it.deleted.map(|id| format!("deleted: {id}")))
            });
            Ok(Some(lines.collect()))
        };
        self.prune.run(&question, prune).await
    }
}
