//! Layers on their way here: one that several images need is fetched once.

use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use rnet_registry::{Blob, Repository};
use rnet_runtime_glue::image::{Arrived, Digest};

use super::{Tell, blocking};
use crate::daemon::Daemon;
use crate::error::{Error, Result};

/// Those that somebody waits for.
#[derive(Debug, Default)]
pub struct Layers(Mutex<HashMap<Digest, Weak<Slot>>>);

/// A layer's place; whoever fetches it holds the lock, the others find it there. It is gone with the last who wants it.
pub(super) type Slot = tokio::sync::Mutex<Option<Arrived>>;

impl Layers {
    /// The place of a layer.
    pub(super) fn slot(&self, layer: Digest) -> Arc<Slot> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|_, slot| slot.strong_count() > 0);
        if let Some(slot) = slots.get(&layer).and_then(Weak::upgrade) {
            return slot;
        }
        let slot = Arc::new(Slot::default());
        slots.insert(layer, Arc::downgrade(&slot));
        slot
    }
}

/// A layer, fetched unless somebody else does or did.
pub(super) async fn arrive(
    daemon: &Arc<Daemon>,
    slot: &Slot,
    repository: &Repository,
    (layer, blob): (Digest, Blob),
    tell: &Tell,
) -> Result<Arrived> {
    let mut held = match slot.try_lock() {
        Ok(held) => held,
        Err(_) => {
            tell.layer(layer, "Waiting").await;
            slot.lock().await
        }
    };
    if let Some(arrived) = held.as_ref().filter(|it| it.is_held(daemon.images())) {
        tell.layer(layer, "Pull complete").await;
        return Ok(arrived.clone());
    }
    let arrived = fetch(daemon, repository, layer, blob, tell).await?;
    *held = Some(arrived.clone());
    tell.layer(layer, "Pull complete").await;
    Ok(arrived)
}

async fn fetch(
    daemon: &Arc<Daemon>,
    repository: &Repository,
    layer: Digest,
    blob: Blob,
    tell: &Tell,
) -> Result<Arrived> {
    let gathered = daemon.images().gather(blob.size)?;
    let failed = |source| Error::File {
        path: gathered.path().to_owned(),
        source,
    };
    let mut file = tokio::fs::File::create(gathered.path())
        .await
        .map_err(failed)?;
    let moving = tell.moving(layer, "Downloading", blob.size);
    repository.fetch(&blob, &mut file, moving).await?;
    tell.layer(layer, "Verifying Checksum").await;
    tell.layer(layer, "Download complete").await;
    let mut moving = tell.moving(layer, "Extracting", blob.size);
    let daemon = Arc::clone(daemon);
    blocking(move || {
        let mut done = 0;
        let archive = Watched {
            inner: gathered.open()?,
            seen: |length| {
                done += length;
                moving(done);
            },
        };
        Ok(daemon.images().arrive(&blob.digest, layer, archive)?)
    })
    .await
}

/// Tells how many bytes each reading has.
struct Watched<R, F> {
    inner: R,
    seen: F,
}

impl<R: Read, F: FnMut(u64)> Read for Watched<R, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        (self.seen)(length as u64);
        Ok(length)
    }
}
