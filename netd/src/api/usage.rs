//! `GET /system/df`: the room that images, containers and volumes take (shapes of API 1.51).

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Query, State};
use rnet_runtime_glue::image::{Digest, Image};
use serde_json::{Value, json};

use super::error::Failure;
use super::render::summary::summary;
use super::{Answer, Api, image, volume};
use crate::daemon::Daemon;

/// What can be asked for; build caches are others'.
const TYPES: [&str; 4] = ["container", "image", "volume", "build-cache"];

pub(super) async fn usage(
    State(api): State<Api>,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Answer<Json<Value>> {
    let asked: Vec<_> = pairs
        .into_iter()
        .filter(|(key, _)| key == "type")
        .map(|(_, kind)| kind)
        .collect();
    if let Some(unknown) = asked.iter().find(|kind| !TYPES.contains(&kind.as_str())) {
        return Err(Failure::invalid(format!("unknown object type: {unknown}")));
    }
    let wanted = move |kind: &str| asked.is_empty() || asked.iter().any(|it| it == kind);
    let told = api.run(move |daemon| {
        let mut told = json!({ "BuilderSize": 0 });
        if wanted("image") {
            let (layers, images) = images(daemon);
            told["LayersSize"] = json!(layers);
            told["Images"] = images;
        }
        if wanted("container") {
            told["Containers"] = containers(daemon);
        }
        if wanted("volume") {
            told["Volumes"] = volumes(daemon);
        }
        if wanted("build-cache") {
            told["BuildCache"] = json!([]);
        }
        Ok(told)
    });
    told.await.map(Json)
}

/// The bytes of all layers, each once; and the images, with what they share.
fn images(daemon: &Daemon) -> (u64, Value) {
    let images = daemon.images().list();
    let mut users: BTreeMap<Digest, (u64, usize)> = BTreeMap::new();
    for image in &images {
        let own: BTreeMap<_, _> = sizes(image).collect();
        for (layer, size) in own {
            users.entry(layer).or_insert((size, 0)).1 += 1;
        }
    }
    let made_from = |image: &Image| {
        let id = image.id.to_string();
        daemon.read(|state| state.containers().filter(|it| it.image_id == id).count())
    };
    let shown = images.into_iter().map(|image| {
        let own: BTreeMap<_, _> = sizes(&image).collect();
        let shared: u64 = own
            .iter()
            .filter(|(id, _)| users[id].1 > 1)
            .map(|(_, size)| size)
            .sum();
        let containers = made_from(&image);
        let mut shown = json!(image::summary(image));
        shown["SharedSize"] = json!(shared);
        shown["Containers"] = json!(containers);
        shown
    });
    let shown = shown.collect();
    (users.values().map(|(size, _)| size).sum(), shown)
}

fn sizes(image: &Image) -> impl Iterator<Item = (Digest, u64)> {
    image
        .diff_ids
        .iter()
        .copied()
        .zip(image.layer_sizes.iter().copied())
}

fn containers(daemon: &Daemon) -> Value {
    let found = daemon.read(|state| {
        let found = state
            .containers()
            .map(|it| (summary(daemon, state, it), it.clone()));
        found.collect::<Vec<_>>()
    });
    found
        .into_iter()
        .map(|(summary, container)| json!(summary.with_size(daemon.sizes(&container))))
        .collect()
}

fn volumes(daemon: &Daemon) -> Value {
    let found: Vec<_> = daemon.read(|state| {
        let users = |name: &str| {
            let uses =
                |it: &crate::container::Container| it.volumes.iter().any(|it| it.volume == name);
            state.containers().filter(|it| uses(it)).count()
        };
        state
            .volumes()
            .map(|it| (it.clone(), users(&it.name)))
            .collect()
    });
    let shown = found.into_iter().map(|(volume, users)| {
        let size = daemon.volume_size(&volume.name);
        let mut shown = json!(volume::shown(daemon, volume));
        shown["UsageData"] = json!({ "RefCount": users, "Size": size });
        shown
    });
    shown.collect()
}
