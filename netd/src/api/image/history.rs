//! How an image came to be, in Docker's shape.

use bollard_stubs::models::ImageHistoryResponseItem;
use rnet_runtime_glue::image::{Image, Reference};

/// The steps, the last first; only that has an id, and the image's names.
pub(super) fn steps(image: Image) -> Vec<ImageHistoryResponseItem> {
    let mut sizes = image.layer_sizes.iter();
    let mut steps: Vec<_> = image
        .history
        .iter()
        .map(|step| {
            let layer = (!step.empty_layer).then(|| sizes.next()).flatten();
            let size = layer.copied().unwrap_or(0);
            ImageHistoryResponseItem {
                id: "<missing>".to_owned(),
                created: step.created.map_or(0, |at| at.as_second()),
                created_by: step.created_by.clone(),
                tags: Vec::new(),
                size: i64::try_from(size).unwrap_or(i64::MAX),
                comment: step.comment.clone(),
            }
        })
        .collect();
    if let Some(last) = steps.last_mut() {
        last.id = image.id.to_string();
        last.tags = image.references.iter().map(Reference::to_string).collect();
    }
    steps.reverse();
    steps
}
