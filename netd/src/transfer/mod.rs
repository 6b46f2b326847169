//! Images on their way from registries and to them: the edge between those and the image store.
//!
//! ```text
//! pull   manifest -> (of an index, that of the platform) -> configuration -> layers, each gathered in a file, verified,
//!        unpacked beside the others -> the image, with its names. Dropped at any time, it leaves nothing
//! push   layers, each compressed into a file, sent unless it is there -> configuration -> manifest
//! ```
//!
//! Sources: OCI distribution specification; moby, daemon/internal/distribution, for what is told.

mod layers;
mod manifest;
mod pull;
mod push;
mod told;

pub use layers::Layers;
pub use manifest::{InvalidPlatform, Platform};
pub use pull::{Pull, Which, pull};
pub use push::{Push, push};
pub use told::{Tell, Told};

use crate::error::{Error, Result};

/// What blocks, on a thread that may; it is finished even if nobody waits any more.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| Error::Failed("it broke off inside netd: see its log".to_owned()))?
}
