//! Manifests of registries, and which of an index is meant (OCI image specification, `manifest.md`, `image-index.md`).

use std::fmt;
use std::str::FromStr;

use rnet_registry::Blob;
use rnet_runtime_glue::image::{Digest, architecture};
use serde::Deserialize;

use crate::error::{Error, Result};

/// What an image is for: `[os/]architecture[/variant]`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct Platform {
    os: String,
    architecture: String,
    #[serde(default)]
    variant: String,
}

/// A text that is no platform.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("invalid platform {0:?}: OS/ARCHITECTURE[/VARIANT] is expected, such as linux/arm64")]
pub struct InvalidPlatform(String);

/// The document of a manifest, or of an index.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Document {
    Index { manifests: Vec<Listed> },
    Image(ImageManifest),
}

/// An image's manifest.
#[derive(Clone, Deserialize)]
pub(super) struct ImageManifest {
    pub(super) config: Descriptor,
    pub(super) layers: Vec<Descriptor>,
}

#[derive(Clone, Deserialize)]
pub(super) struct Descriptor {
    digest: Digest,
    size: u64,
}

/// A manifest in an index.
#[derive(Deserialize)]
pub(super) struct Listed {
    digest: Digest,
    platform: Option<Platform>,
}

impl Document {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self> {
        serde_json::from_slice(bytes).map_err(|error| {
            Error::Failed(format!(
                "the registry has a manifest that is none of an image: {error}"
            ))
        })
    }

    /// The manifest of an index that is for a platform.
    pub(super) fn choose(manifests: &[Listed], platform: &Platform) -> Option<Digest> {
        let fits = |it: &&Listed| it.platform.as_ref().is_none_or(|it| platform.takes(it));
        manifests.iter().find(fits).map(|it| it.digest)
    }
}

impl Descriptor {
    pub(super) fn blob(&self) -> Blob {
        Blob {
            digest: self.digest.to_string(),
            size: self.size,
        }
    }
}

impl Platform {
    /// That of this machine.
    pub(super) fn ours() -> Self {
        Self {
            os: "linux".to_owned(),
            architecture: architecture().to_owned(),
            variant: String::new(),
        }
    }

    /// Whether an image for `other` is meant; a variant that is not asked for can be any.
    pub(super) fn takes(&self, other: &Self) -> bool {
        self.os == other.os
            && self.architecture == other.architecture
            && (self.variant.is_empty()
                || other.variant.is_empty()
                || self.variant == other.variant)
    }

    /// That of a configuration.
    pub(super) fn of(config: &str) -> Option<Self> {
        serde_json::from_str(config).ok()
    }
}

impl FromStr for Platform {
    type Err = InvalidPlatform;

    fn from_str(text: &str) -> std::result::Result<Self, InvalidPlatform> {
        let parts: Vec<_> = text.split('/').collect();
        let (os, architecture, variant) = match parts[..] {
            [architecture] => ("linux", architecture, ""),
            [os, architecture] => (os, architecture, ""),
            [os, architecture, variant] => (os, architecture, variant),
            _ => return Err(InvalidPlatform(text.to_owned())),
        };
        let word = |it: &str| {
            it.bytes()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-' | b'.'))
        };
        if os.is_empty() || architecture.is_empty() || !parts.iter().all(|it| word(it)) {
            return Err(InvalidPlatform(text.to_owned()));
        }
        let architecture = match architecture {
            "x86_64" | "x86-64" => "amd64",
            "aarch64" => "arm64",
            "i386" => "386",
            other => other,
        };
        Ok(Self {
            os: os.to_owned(),
            architecture: architecture.to_owned(),
            variant: variant.to_owned(),
        })
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match self.variant.as_str() {
            "" => Ok(()),
            variant => write!(f, "/{variant}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_has_one_manifest_for_a_platform() {
        let listed = |platform: &str, content: &[u8]| Listed {
            digest: Digest::of(content),
            platform: Some(platform.parse().unwrap()),
        };
        let index = [
            listed("unknown/unknown", b"0"),
            listed("linux/arm/v6", b"1"),
            listed("linux/arm/v7", b"2"),
        ];
        let chosen = |platform: &str| Document::choose(&index, &platform.parse().unwrap());
        assert_eq!(chosen("linux/arm/v7"), Some(Digest::of(b"2")));
        assert_eq!(chosen("arm"), Some(Digest::of(b"1")));
        assert_eq!(chosen("linux/amd64"), None);
    }

    #[test]
    fn a_platform_that_is_none_is_refused() {
        for text in ["", "a/b/c/d", "linux/", "/arm", "linux/a b"] {
            assert!(text.parse::<Platform>().is_err(), "{text}");
        }
        assert_eq!(
            "linux/aarch64".parse::<Platform>().unwrap().to_string(),
            "linux/arm64"
        );
    }
}
