//! What is told while images are on their way.

use rnet_runtime_glue::image::Digest;
use tokio::sync::mpsc;

use crate::error::Result;

/// One thing that is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    /// How something stands.
    Status {
        /// A layer, a tag, or nothing in particular.
        id: Option<String>,
        /// In Docker's words.
        status: String,
    },
    /// How far a layer is.
    Moved {
        /// The layer.
        id: String,
        /// In Docker's words.
        status: &'static str,
        /// The bytes that are done.
        current: u64,
        /// All of them.
        total: u64,
    },
    /// An image is in the registry.
    Pushed {
        /// The tag.
        tag: String,
        /// The digest of its manifest.
        digest: Digest,
        /// The bytes of its manifest.
        size: usize,
    },
}

/// Where it is told; who does not listen is not waited for.
#[derive(Clone, Debug)]
pub struct Tell(pub mpsc::Sender<Result<Told>>);

impl Tell {
    pub(super) async fn message(&self, status: impl Into<String>) {
        self.status(None, status).await;
    }

    pub(super) async fn layer(&self, layer: Digest, status: &str) {
        self.status(Some(layer.short()), status).await;
    }

    pub(super) async fn status(&self, id: Option<String>, status: impl Into<String>) {
        let status = status.into();
        self.send(Told::Status { id, status }).await;
    }

    pub(super) async fn send(&self, told: Told) {
        // nobody may listen any more
        let _ = self.0.send(Ok(told)).await;
    }

    /// Tells how far a layer is, now and then: what a slow listener misses is said by what follows.
    pub(super) fn moving(
        &self,
        layer: Digest,
        status: &'static str,
        total: u64,
    ) -> impl FnMut(u64) + Send + use<> {
        const STEPS: u64 = 50;
        let stride = (total / STEPS).max(64 << 10);
        let (tell, mut next) = (self.0.clone(), 0);
        move |current| {
            if current >= next || current == total {
                next = current + stride;
                let id = layer.short();
                let _ = tell.try_send(Ok(Told::Moved {
                    id,
                    status,
                    current,
                    total,
                }));
            }
        }
    }
}
