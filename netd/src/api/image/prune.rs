//! Removing the images that no container is made from.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use bollard_stubs::models::ImagePruneResponse;
use rnet_runtime_glue::image::Image;

use super::{items, tell};
use crate::api::query::Params;
use crate::api::time::moment;
use crate::api::{Answer, Api};

const FILTERS: &[&str] = &["dangling", "label", "label!", "until"];

pub(super) async fn prune(
    State(api): State<Api>,
    params: Params,
) -> Answer<Json<ImagePruneResponse>> {
    let filters = params.filters(FILTERS)?;
    // Docker's default: only what has no name
    let dangling = filters.flag("dangling")?.unwrap_or(true);
    let until = filters
        .values("until")
        .map(moment)
        .collect::<Result<Vec<_>, _>>()?;
    let turn = api.pruning.images.take()?;
    let removed = api.run(move |daemon| {
        let _turn = turn;
        let used: BTreeSet<String> =
            daemon.read(|state| state.containers().map(|it| it.image_id.clone()).collect());
        let matches = |image: &Image| {
            let label = |key: &str| image.config.labels.get(key).map(String::as_str);
            !used.contains(&image.id.to_string())
                && (!dangling || image.references.is_empty())
                && until.iter().all(|until| image.created < *until)
                && filters.labels("label", label)
                && filters.lacks_labels(label)
        };
        let images = daemon.images();
        let (mut deleted, mut reclaimed) = (Vec::new(), 0);
        for image in images.list().into_iter().filter(matches) {
            match images.remove(&image.id.to_string(), true) {
                Err(error) => tracing::warn!(image = %image.id, "not pruned: {error}"),
                Ok(removed) => {
                    tell(daemon, &removed, &image);
                    let layers = image.diff_ids.iter().zip(&image.layer_sizes);
                    let gone = layers.filter(|(id, _)| removed.layers.contains(id));
                    reclaimed += gone.map(|(_, size)| size).sum::<u64>();
                    deleted.extend(items(removed));
                }
            }
        }
        Ok((deleted, reclaimed))
    });
    let (deleted, reclaimed) = removed.await?;
    Ok(Json(ImagePruneResponse {
        images_deleted: Some(deleted),
        space_reclaimed: i64::try_from(reclaimed).ok(),
    }))
}
