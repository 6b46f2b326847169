//! A repository of a registry: its manifests and tags.

use oci_client::client::Client;
use oci_client::errors::OciDistributionError;
use oci_client::manifest::{
    IMAGE_MANIFEST_LIST_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE, OCI_IMAGE_INDEX_MEDIA_TYPE,
    OCI_IMAGE_MEDIA_TYPE,
};
use oci_client::{Reference, RegistryOperation};

use crate::error::Stance;
use crate::{Login, Reach, RegistryError};

/// The kinds of manifests that are understood.
const MANIFESTS: &[&str] = &[
    OCI_IMAGE_INDEX_MEDIA_TYPE,
    OCI_IMAGE_MEDIA_TYPE,
    IMAGE_MANIFEST_LIST_MEDIA_TYPE,
    IMAGE_MANIFEST_MEDIA_TYPE,
];

/// How many tags are asked for at once.
const TAGS: usize = 1000;

/// What is to be done there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// To fetch.
    Pull,
    /// To send, too.
    Push,
}

/// A manifest as it came; its digest was verified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Manifest {
    /// The document.
    pub bytes: Vec<u8>,
    /// Its digest, `sha256:…`.
    pub digest: String,
}

/// A repository of a registry that was logged in to.
pub struct Repository {
    pub(crate) client: Client,
    pub(crate) reach: Reach,
    pub(crate) registry: String,
    pub(crate) path: String,
    login: Login,
    purpose: Purpose,
}

impl Repository {
    /// Reaches the registry (`HOST[:PORT]`, `docker.io` for Docker's), for the repository `path` of it.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Unreachable`], or what the registry says of the login.
    pub async fn open(
        reach: &Reach,
        registry: &str,
        path: &str,
        login: Login,
        purpose: Purpose,
    ) -> Result<Self, RegistryError> {
        let operation = match purpose {
            Purpose::Pull => RegistryOperation::Pull,
            Purpose::Push => RegistryOperation::Push,
        };
        let mut refusal = None;
        for client in reach.clients(registry)? {
            let opened = Self {
                client,
                reach: reach.clone(),
                registry: registry.to_owned(),
                path: path.to_owned(),
                login: login.clone(),
                purpose,
            };
            let any = opened.tagged("latest");
            match opened.client.auth(&any, &login.auth(), operation).await {
                Ok(_) => return Ok(opened),
                // of several ways, the last one's refusal is what there is to tell
                Err(error @ OciDistributionError::RequestError(_)) => {
                    refusal = Some(opened.failed(error))
                }
                Err(error) => return Err(opened.failed(error)),
            }
        }
        Err(refusal.expect("there is one way to a registry at least"))
    }

    /// Whether the registry knows whoever asks.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Login`] if it does not.
    pub async fn check_login(
        reach: &Reach,
        registry: &str,
        login: Login,
    ) -> Result<(), RegistryError> {
        // a registry with tokens has said so at once, one with passwords says so of anything; what is asked for is not there
        let nowhere = Self::open(reach, registry, "rnet/login", login, Purpose::Pull).await?;
        match nowhere.manifest("latest").await {
            Err(error @ (RegistryError::Login { .. } | RegistryError::Anonymous { .. })) => {
                Err(error)
            }
            Err(error) if error.may_pass() => Err(error),
            _ => Ok(()),
        }
    }

    /// The manifest with that tag or digest.
    ///
    /// # Errors
    ///
    /// [`RegistryError::NoManifest`] and what else the registry says; [`RegistryError::Digest`].
    pub async fn manifest(&self, which: &str) -> Result<Manifest, RegistryError> {
        let (reference, auth) = (self.reference(which), self.login.auth());
        let fetched = self.client.pull_manifest_raw(&reference, &auth, MANIFESTS);
        let (bytes, digest) = fetched.await.map_err(|error| match self.failed(error) {
            RegistryError::NoManifest { .. } => RegistryError::NoManifest {
                reference: self.shown(which),
            },
            other => other,
        })?;
        Ok(Manifest {
            bytes: bytes.to_vec(),
            digest,
        })
    }

    /// All tags.
    ///
    /// # Errors
    ///
    /// [`RegistryError::NoRepository`] and what else the registry says.
    pub async fn tags(&self) -> Result<Vec<String>, RegistryError> {
        let (any, auth) = (self.tagged("latest"), self.login.auth());
        let mut tags: Vec<String> = Vec::new();
        loop {
            let last = tags.last().cloned();
            let page = self
                .client
                .list_tags(&any, &auth, Some(TAGS), last.as_deref());
            let page = page.await.map_err(|error| match self.failed(error) {
                RegistryError::NoManifest { .. } => RegistryError::NoRepository {
                    repository: self.path.clone(),
                },
                other => other,
            })?;
            let more = page.tags.len() >= TAGS && page.tags.last() != last.as_ref();
            tags.extend(page.tags);
            if !more {
                return Ok(tags);
            }
        }
    }

    /// Gives the repository a manifest under a tag.
    ///
    /// # Errors
    ///
    /// What the registry says.
    pub async fn send_manifest(
        &self,
        tag: &str,
        kind: &str,
        bytes: Vec<u8>,
    ) -> Result<(), RegistryError> {
        let kind = kind
            .parse()
            .map_err(|_| RegistryError::Name(kind.to_owned()))?;
        let sent = self
            .client
            .push_manifest_raw(&self.tagged(tag), bytes, kind)
            .await;
        sent.map(drop).map_err(|error| self.failed(error))
    }

    pub(crate) fn tagged(&self, tag: &str) -> Reference {
        Reference::with_tag(self.registry.clone(), self.path.clone(), tag.to_owned())
    }

    fn reference(&self, which: &str) -> Reference {
        match which.contains(':') {
            true => {
                Reference::with_digest(self.registry.clone(), self.path.clone(), which.to_owned())
            }
            false => self.tagged(which),
        }
    }

    pub(crate) fn failed(&self, error: OciDistributionError) -> RegistryError {
        let stance = match self.login {
            Login::Anonymous => Stance::Unknown(self.purpose),
            _ => Stance::Known,
        };
        RegistryError::new(&self.registry, &self.path, stance, error)
    }

    /// A manifest's name for people.
    fn shown(&self, which: &str) -> String {
        let mark = if which.contains(':') { '@' } else { ':' };
        match (self.registry.as_str(), self.path.strip_prefix("library/")) {
            ("docker.io", Some(path)) => format!("{path}{mark}{which}"),
            ("docker.io", None) => format!("{}{mark}{which}", self.path),
            (registry, _) => format!("{registry}/{}{mark}{which}", self.path),
        }
    }
}
