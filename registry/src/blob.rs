//! The blobs of a repository: fetched, with what broke off gone on with, and sent.

use std::io;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt};
use oci_client::client::BlobResponse;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::{RegistryError, Repository};

/// How often a transfer is begun before it is given up (moby, distribution/xfer/download.go).
const ATTEMPTS: u32 = 5;

/// A blob as a manifest tells of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Blob {
    /// `sha256:…`.
    pub digest: String,
    /// In bytes.
    pub size: u64,
}

/// A transfer, as far as it came.
struct Fetched<'a, W> {
    out: &'a mut W,
    hash: Sha256,
    at: u64,
}

impl Repository {
    /// Fetches a blob into `out`, and tells how many bytes there are after each piece; a transfer that breaks off goes on
    /// where it was.
    ///
    /// **Contract:** when it returns without an error, `out` got exactly what the digest says. It can be dropped at any time.
    ///
    /// # Errors
    ///
    /// What the registry says; [`RegistryError::Digest`], [`RegistryError::TooLong`], [`RegistryError::BrokenOff`].
    pub async fn fetch(
        &self,
        blob: &Blob,
        out: &mut (impl AsyncWrite + Unpin),
        mut tell: impl FnMut(u64),
    ) -> Result<(), RegistryError> {
        let mut fetched = Fetched {
            out,
            hash: Sha256::new(),
            at: 0,
        };
        let mut pause = self.reach.pause;
        for attempt in 1.. {
            let before = fetched.at;
            match self.fetch_on(blob, &mut fetched, &mut tell).await {
                Ok(()) => break,
                // one that gets on may go on
                Err(error) if error.may_pass() && (attempt < ATTEMPTS || fetched.at > before) => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(self.reach.patience);
                }
                Err(error) => return Err(error),
            }
        }
        let keep = |source| RegistryError::Keep {
            digest: blob.digest.clone(),
            source,
        };
        fetched.out.flush().await.map_err(keep)?;
        let digits = fetched
            .hash
            .finalize()
            .iter()
            .map(|it| format!("{it:02x}"))
            .collect::<String>();
        let found = format!("sha256:{digits}");
        if found != blob.digest {
            return Err(RegistryError::Digest {
                registry: self.registry.clone(),
                digest: blob.digest.clone(),
                found,
            });
        }
        Ok(())
    }

    async fn fetch_on<W: AsyncWrite + Unpin>(
        &self,
        blob: &Blob,
        fetched: &mut Fetched<'_, W>,
        tell: &mut impl FnMut(u64),
    ) -> Result<(), RegistryError> {
        let (registry, digest, size) = (self.registry.clone(), blob.digest.clone(), blob.size);
        let any = self.tagged("latest");
        let failed = |error| self.failed(error);
        let (mut skip, mut stream) = match fetched.at {
            // whole, it would be verified by a header of the registry's before by what was asked for
            0 => (
                0,
                self.client
                    .pull_blob_stream(&any, digest.as_str())
                    .await
                    .map_err(failed)?
                    .stream,
            ),
            at => match self
                .client
                .pull_blob_stream_partial(&any, digest.as_str(), at, None)
                .await
                .map_err(failed)?
            {
                BlobResponse::Partial(rest) => (0, rest.stream),
                // a registry that only knows the whole sends what is there again
                BlobResponse::Full(whole) => (at, whole.stream),
            },
        };
        while fetched.at < size {
            let broken = |source| RegistryError::BrokenOff {
                registry: registry.clone(),
                digest: digest.clone(),
                at: fetched.at,
                size,
                source,
            };
            let piece = match stream.next().await {
                Some(Ok(piece)) => piece,
                Some(Err(source)) => return Err(broken(source)),
                None => return Err(broken(io::ErrorKind::UnexpectedEof.into())),
            };
            let known = skip.min(piece.len() as u64);
            skip -= known;
            let piece = &piece[usize::try_from(known).unwrap_or(piece.len())..];
            if fetched.at + piece.len() as u64 > size {
                return Err(RegistryError::TooLong {
                    registry,
                    digest,
                    size,
                });
            }
            let keep = |source| RegistryError::Keep {
                digest: digest.clone(),
                source,
            };
            fetched.out.write_all(piece).await.map_err(keep)?;
            fetched.hash.update(piece);
            fetched.at += piece.len() as u64;
            tell(fetched.at);
        }
        Ok(())
    }

    /// Whether the repository has a blob.
    ///
    /// # Errors
    ///
    /// What the registry says.
    pub async fn has(&self, digest: &str) -> Result<bool, RegistryError> {
        let found = self
            .client
            .blob_exists(&self.tagged("latest"), digest)
            .await;
        found.map_err(|error| self.failed(error))
    }

    /// Sends a blob.
    ///
    /// # Errors
    ///
    /// What the registry says; [`RegistryError::Unreachable`] where `content` breaks off, too.
    pub async fn send(
        &self,
        blob: &Blob,
        content: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    ) -> Result<(), RegistryError> {
        let content = content.map_err(Into::into);
        let any = self.tagged("latest");
        let sent = self
            .client
            .push_blob_stream(&any, content, &blob.digest, Some(blob.size));
        sent.await.map(drop).map_err(|error| self.failed(error))
    }
}
