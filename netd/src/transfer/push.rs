//! Pushing images.

use std::fs::File;
use std::io;
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use rnet_registry::{Blob, Login, Purpose, Repository};
use rnet_runtime_glue::image::{Digest, Image, Name, Pinned, Reference};
use serde::Serialize;
use tokio_util::io::ReaderStream;

use super::{Tell, Told, blocking};
use crate::daemon::Daemon;
use crate::error::{Error, Result};

/// How many layers of an image are sent at once (moby, `max-concurrent-uploads`, is 5).
const AT_ONCE: usize = 3;

const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/// What is to be pushed.
#[derive(Clone, Debug)]
pub struct Push {
    /// The repository, with its registry.
    pub repository: Reference,
    /// The tag; none for all that the repository has here.
    pub tag: Option<String>,
    /// Who asks.
    pub login: Login,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    schema_version: u32,
    media_type: &'static str,
    config: Descriptor,
    layers: Vec<Descriptor>,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: &'static str,
    size: u64,
    digest: String,
}

/// Pushes images.
pub async fn push(daemon: &Arc<Daemon>, push: Push, tell: &Tell) -> Result<()> {
    let name = Name::Tagged(push.repository.clone());
    let (registry, path) = name.registry();
    tell.message(format!("The push refers to repository [{registry}/{path}]"))
        .await;
    let images = daemon.images().list();
    let repository = push.repository.repository();
    let meant = |it: &Reference| {
        it.repository() == repository && push.tag.as_ref().is_none_or(|tag| it.tag() == tag)
    };
    let pairs = images
        .iter()
        .flat_map(|image| image.references.iter().map(move |name| (image, name)));
    let mut meant: Vec<_> = pairs.filter(|(_, name)| meant(name)).collect();
    meant.sort_by_key(|(_, name)| name.tag());
    if meant.is_empty() {
        return Err(match &push.tag {
            Some(tag)
                if images
                    .iter()
                    .flat_map(|it| &it.references)
                    .any(|it| it.repository() == repository) =>
            {
                Error::NoSuchTag(tag.clone())
            }
            _ => Error::NotHere(repository.to_owned()),
        });
    }
    let reach = &daemon.settings().registries;
    let login = push.login.clone();
    let repository = Repository::open(reach, registry, &path, login, Purpose::Push).await?;
    for (image, name) in meant {
        one(daemon, &repository, image, name, tell).await?;
    }
    Ok(())
}

async fn one(
    daemon: &Arc<Daemon>,
    repository: &Repository,
    image: &Image,
    name: &Reference,
    tell: &Tell,
) -> Result<()> {
    for layer in &image.diff_ids {
        tell.layer(*layer, "Preparing").await;
    }
    let sending = image
        .diff_ids
        .iter()
        .copied()
        .map(|layer| send_layer(daemon, repository, layer, tell));
    let layers: Vec<_> = stream::iter(sending)
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    let config = daemon.images().configuration(image.id)?.into_bytes();
    let config = send_config(repository, config).await?;
    let manifest = Manifest {
        schema_version: 2,
        media_type: MANIFEST,
        config,
        layers,
    };
    let manifest =
        serde_json::to_vec_pretty(&manifest).expect("texts and numbers have a JSON form");
    let (digest, size) = (Digest::of(&manifest), manifest.len());
    repository
        .send_manifest(name.tag(), MANIFEST, manifest)
        .await?;
    let pinned = Pinned::new(name.repository(), digest)
        .map_err(|error| Error::invalid(error.to_string()))?;
    let (store, id) = (Arc::clone(daemon), image.id);
    blocking(move || Ok(store.images().pin(id, pinned)?)).await?;
    let tag = name.tag().to_owned();
    tell.message(format!("{tag}: digest: {digest} size: {size}"))
        .await;
    tell.send(Told::Pushed { tag, digest, size }).await;
    daemon.image_event("push", name, name.repository(), &image.config.labels);
    Ok(())
}

async fn send_layer(
    daemon: &Arc<Daemon>,
    repository: &Repository,
    layer: Digest,
    tell: &Tell,
) -> Result<Descriptor> {
    let store = Arc::clone(daemon);
    let (gathered, digest, size) = blocking(move || {
        let room = store.images().archive_size(layer)?;
        let gathered = store.images().gather(room)?;
        let failed = |source| Error::File {
            path: gathered.path().to_owned(),
            source,
        };
        let file = File::create(gathered.path()).map_err(failed)?;
        let (digest, size) = store.images().compress(layer, io::BufWriter::new(file))?;
        Ok((gathered, digest.to_string(), size))
    })
    .await?;
    let descriptor = Descriptor {
        media_type: LAYER,
        size,
        digest: digest.clone(),
    };
    if repository.has(&digest).await? {
        tell.layer(layer, "Layer already exists").await;
        return Ok(descriptor);
    }
    let failed = |source| Error::File {
        path: gathered.path().to_owned(),
        source,
    };
    let file = tokio::fs::File::open(gathered.path())
        .await
        .map_err(failed)?;
    let (mut moving, mut done) = (tell.moving(layer, "Pushing", size), 0);
    let content = ReaderStream::new(file).inspect_ok(move |piece| {
        done += piece.len() as u64;
        moving(done);
    });
    repository.send(&Blob { digest, size }, content).await?;
    tell.layer(layer, "Pushed").await;
    Ok(descriptor)
}

async fn send_config(repository: &Repository, config: Vec<u8>) -> Result<Descriptor> {
    let blob = Blob {
        digest: Digest::of(&config).to_string(),
        size: config.len() as u64,
    };
    if !repository.has(&blob.digest).await? {
        repository
            .send(&blob, stream::once(async { Ok(config.into()) }))
            .await?;
    }
    Ok(Descriptor {
        media_type: CONFIG,
        size: blob.size,
        digest: blob.digest,
    })
}
