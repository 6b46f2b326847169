//! Registries of images: manifests and blobs, fetched and sent by the OCI distribution protocol.
//!
//! The protocol itself is `oci-client`'s; here is how a registry is reached and logged in to, what is tried again, and what
//! its answers mean to whoever asked. Nothing here knows what an image is.

mod blob;
mod error;
mod reach;
mod repository;

pub use blob::Blob;
pub use error::RegistryError;
pub use reach::{Login, Reach, Secret};
pub use repository::{Manifest, Purpose, Repository};
