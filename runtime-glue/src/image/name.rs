//! Where a registry has an image: `[host[:port]/]path[:tag][@digest]` (distribution/reference, `normalize.go`).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::reference::looks_like_host;
use super::{Digest, InvalidReference, Reference};

/// Docker's own registry, which a name without a host means.
const DOCKER: &str = "docker.io";

/// A name that people give a registry's image; the tag is `latest` unless one or a digest is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Name {
    /// By a tag, which can move.
    Tagged(Reference),
    /// By its digest, which cannot; a tag beside it means nothing.
    Pinned(Pinned),
}

/// The manifest of a repository that has that digest, written `repository@sha256:…`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pinned {
    repository: String,
    digest: Digest,
}

impl Name {
    /// The part before tag and digest.
    pub fn repository(&self) -> &str {
        match self {
            Self::Tagged(reference) => reference.repository(),
            Self::Pinned(pinned) => &pinned.repository,
        }
    }

    /// The host (and port) of the registry, and the path in it.
    pub fn registry(&self) -> (&str, String) {
        registry(self.repository())
    }
}

impl Pinned {
    /// The manifest `digest` of a repository.
    pub fn new(repository: &str, digest: Digest) -> Result<Self, InvalidReference> {
        let checked = Reference::new(repository, "")?;
        Ok(Self {
            repository: checked.repository().to_owned(),
            digest,
        })
    }

    /// The part before the digest.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The digest of the manifest.
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

/// The host (and port) of the registry that has a repository, and the path in it.
fn registry(repository: &str) -> (&str, String) {
    match repository.split_once('/') {
        Some((host, path)) if looks_like_host(host) => (host, path.to_owned()),
        Some(_) => (DOCKER, repository.to_owned()),
        None => (DOCKER, format!("library/{repository}")),
    }
}

impl FromStr for Name {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        let Some((name, digest)) = text.split_once('@') else {
            return text.parse().map(Self::Tagged);
        };
        let digest = digest.parse().map_err(|_| InvalidReference {
            text: text.to_owned(),
            reason: "a digest is sha256: and 64 hex digits",
        })?;
        let tagged: Reference = name.parse()?;
        Pinned::new(tagged.repository(), digest).map(Self::Pinned)
    }
}

impl FromStr for Pinned {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        match text.parse()? {
            Name::Pinned(pinned) => Ok(pinned),
            Name::Tagged(_) => Err(InvalidReference {
                text: text.to_owned(),
                reason: "it has no digest",
            }),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tagged(reference) => reference.fmt(f),
            Self::Pinned(pinned) => pinned.fmt(f),
        }
    }
}

impl fmt::Display for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.repository, self.digest)
    }
}

impl TryFrom<String> for Pinned {
    type Error = InvalidReference;

    fn try_from(text: String) -> Result<Self, InvalidReference> {
        text.parse()
    }
}

impl From<Pinned> for String {
    fn from(pinned: Pinned) -> Self {
        pinned.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_to_a_registry_as_dockers_does() {
        for (text, registry, path) in [
            ("busybox", "docker.io", "library/busybox"),
            ("docker.io/busybox:1", "docker.io", "library/busybox"),
            ("team/app:1", "docker.io", "team/app"),
            ("localhost/app", "localhost", "app"),
            ("localhost:5000/team/app", "localhost:5000", "team/app"),
            ("registry.example/a/b:1", "registry.example", "a/b"),
            ("[::1]:5000/app", "[::1]:5000", "app"),
        ] {
            let name: Name = text.parse().unwrap();
            assert_eq!(name.registry(), (registry, path.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_digest_counts_more_than_a_tag() {
        let digest = Digest::of(b"manifest");
        let name: Name = format!("docker.io/library/app:1@{digest}").parse().unwrap();
        assert_eq!(name.to_string(), format!("app@{digest}"));
        assert!("app@sha256:00".parse::<Name>().is_err());
        assert!("app".parse::<Pinned>().is_err());
    }
}
