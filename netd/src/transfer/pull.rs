//! Pulling images.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use rnet_registry::{Login, Purpose, Repository};
use rnet_runtime_glue::image::{Digest, Image, Name, Names, Pinned, Reference, layers_of};

use super::layers::arrive;
use super::manifest::{Document, ImageManifest};
use super::{Platform, Tell, blocking};
use crate::daemon::Daemon;
use crate::error::{Error, Result};

/// How many layers of an image are fetched at once (moby, `max-concurrent-downloads`).
const AT_ONCE: usize = 3;

/// The longest configuration that is read, in bytes.
const LONGEST_CONFIG: u64 = 4 << 20;

/// What is to be pulled.
#[derive(Clone, Debug)]
pub struct Pull {
    /// The repository, with its registry.
    pub repository: Reference,
    /// Which of its images.
    pub which: Which,
    /// What it has to be for; this machine unless it is told.
    pub platform: Option<Platform>,
    /// Who asks.
    pub login: Login,
}

/// Which images of a repository.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Which {
    /// That with a tag.
    Tag(String),
    /// That with a digest.
    Digest(Digest),
    /// Those with tags.
    All,
}

/// Pulls images; each is there whole or not at all.
pub async fn pull(daemon: &Arc<Daemon>, pull: Pull, tell: &Tell) -> Result<()> {
    let name = Name::Tagged(pull.repository.clone());
    let (registry, path) = name.registry();
    let reach = &daemon.settings().registries;
    let login = pull.login.clone();
    let repository = Repository::open(reach, registry, &path, login, Purpose::Pull).await?;
    let pulling = Pulling {
        daemon,
        pull: &pull,
        repository,
        path,
    };
    match &pull.which {
        Which::Tag(tag) => pulling.one(tag, tell).await,
        Which::Digest(digest) => pulling.one(&digest.to_string(), tell).await,
        Which::All => {
            for tag in pulling.repository.tags().await? {
                pulling.one(&tag, tell).await?;
            }
            Ok(())
        }
    }
}

struct Pulling<'a> {
    daemon: &'a Arc<Daemon>,
    pull: &'a Pull,
    repository: Repository,
    path: String,
}

impl Pulling<'_> {
    async fn one(&self, which: &str, tell: &Tell) -> Result<()> {
        let fetched = self.repository.manifest(which).await?;
        let digest: Digest = fetched.digest.parse().map_err(|_| {
            Error::Unsupported(format!(
                "cannot pull {}: only sha256 digests are supported",
                fetched.digest
            ))
        })?;
        let (manifest, config) = self.documents(&fetched.bytes).await?;
        tell.status(
            Some(which.to_owned()),
            format!("Pulling from {}", self.path),
        )
        .await;
        let names = self.names(which, digest)?;
        let shown = names.tags.first().map_or_else(
            || names.digest.iter().map(ToString::to_string).collect(),
            ToString::to_string,
        );
        let before = self.daemon.images().find(&shown).ok().map(|it| it.id);
        let image = self.image(&manifest, config, names, tell).await?;
        tell.message(format!("Digest: {digest}")).await;
        let news = if before == Some(image.id) {
            "Image is up to date for"
        } else {
            "Downloaded newer image for"
        };
        tell.message(format!("Status: {news} {shown}")).await;
        self.daemon.image_event(
            "pull",
            &shown,
            self.pull.repository.repository(),
            &image.config.labels,
        );
        Ok(())
    }

    /// The manifest of the image that is meant, and its configuration.
    async fn documents(&self, bytes: &[u8]) -> Result<(ImageManifest, String)> {
        let wanted = self.pull.platform.clone().unwrap_or_else(Platform::ours);
        let none = || Error::NoManifestFor {
            platform: wanted.to_string(),
        };
        let manifest = match Document::parse(bytes)? {
            Document::Image(manifest) => manifest,
            Document::Index { manifests } => {
                let chosen = Document::choose(&manifests, &wanted).ok_or_else(none)?;
                let fetched = self.repository.manifest(&chosen.to_string()).await?;
                match Document::parse(&fetched.bytes)? {
                    Document::Image(manifest) => manifest,
                    Document::Index { .. } => return Err(none()),
                }
            }
        };
        let blob = manifest.config.blob();
        if blob.size > LONGEST_CONFIG {
            return Err(Error::Failed(format!(
                "the image's configuration is longer than {LONGEST_CONFIG} bytes"
            )));
        }
        let mut config = Vec::new();
        self.repository.fetch(&blob, &mut config, |_| ()).await?;
        let config = String::from_utf8(config).map_err(|error| {
            Error::Failed(format!("invalid configuration of the image: {error}"))
        })?;
        let asked = self.pull.platform.as_ref();
        if let Some((asked, is)) = asked
            .zip(Platform::of(&config))
            .filter(|(asked, is)| !asked.takes(is))
        {
            return Err(Error::WrongPlatform {
                reference: self.pull.repository.to_string(),
                is: is.to_string(),
                asked: asked.to_string(),
            });
        }
        Ok((manifest, config))
    }

    async fn image(
        &self,
        manifest: &ImageManifest,
        config: String,
        names: Names,
        tell: &Tell,
    ) -> Result<Image> {
        let invalid = |reason| {
            Error::Failed(format!(
                "cannot pull {}: {reason}",
                self.pull.repository.repository()
            ))
        };
        let ids = layers_of(&config).map_err(invalid)?;
        if ids.len() != manifest.layers.len() {
            return Err(invalid(format!(
                "{} layers are configured, {} are there",
                ids.len(),
                manifest.layers.len()
            )));
        }
        // of a layer that is there several times, one blob is enough
        let blobs: BTreeMap<_, _> = ids
            .iter()
            .zip(&manifest.layers)
            .map(|(id, it)| (*id, it.blob()))
            .collect();
        let slots: BTreeMap<_, _> = ids
            .iter()
            .map(|id| (*id, self.daemon.layers().slot(*id)))
            .collect();
        loop {
            let (mut known, mut wanted) = (Vec::new(), Vec::new());
            let mut seen = std::collections::BTreeSet::new();
            for id in ids.iter().filter(|id| seen.insert(**id)) {
                if self.daemon.images().has_layer(*id) {
                    known.push(*id)
                } else {
                    wanted.push(*id)
                }
            }
            for id in known {
                tell.layer(id, "Already exists").await;
            }
            for id in &wanted {
                tell.layer(*id, "Pulling fs layer").await;
            }
            let arriving = wanted.into_iter().map(|id| {
                let (slot, blob) = (&slots[&id], blobs[&id].clone());
                async move {
                    let arrived =
                        arrive(self.daemon, slot, &self.repository, (id, blob), tell).await?;
                    Ok::<_, Error>((id, arrived))
                }
            });
            let arrived: BTreeMap<_, _> = stream::iter(arriving)
                .buffer_unordered(AT_ONCE)
                .try_collect()
                .await?;
            let (daemon, config, names) = (Arc::clone(self.daemon), config.clone(), names.clone());
            let complete =
                blocking(move || Ok(daemon.images().complete(&config, &arrived, names)?));
            // it is not only when the last image that had one of the layers was removed meanwhile
            if let Some(image) = complete.await? {
                return Ok(image);
            }
        }
    }

    fn names(&self, which: &str, digest: Digest) -> Result<Names> {
        let repository = self.pull.repository.repository();
        let invalid =
            |error: rnet_runtime_glue::image::InvalidReference| Error::invalid(error.to_string());
        let tag = (!which.contains(':')).then(|| Reference::new(repository, which));
        Ok(Names {
            tags: tag.transpose().map_err(invalid)?.into_iter().collect(),
            digest: Some(Pinned::new(repository, digest).map_err(invalid)?),
        })
    }
}
