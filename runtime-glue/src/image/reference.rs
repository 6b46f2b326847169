//! Names of images: `[host[:port]/]path[:tag]` (distribution/reference, `regexp.go`).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a name without a tag stands for.
const DEFAULT_TAG: &str = "latest";

/// The longest repository name, in bytes.
const MAX_NAME: usize = 255;

/// The longest tag, in bytes.
const MAX_TAG: usize = 128;

/// The name of an image: a repository and a tag in it; `busybox` is `busybox:latest`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Reference {
    repository: String,
    tag: String,
}

/// A text that is not the name of an image.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("invalid reference format: {text:?}: {reason}")]
pub struct InvalidReference {
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl Reference {
    /// The name of the image `tag` of `repository`; an empty tag is `latest`.
    pub fn new(repository: &str, tag: &str) -> Result<Self, InvalidReference> {
        let invalid = |text: &str, reason| {
            Err(InvalidReference {
                text: text.to_owned(),
                reason,
            })
        };
        if let Some(reason) = fault_of_repository(repository) {
            return invalid(repository, reason);
        }
        let repository = familiar(repository);
        let tag = if tag.is_empty() { DEFAULT_TAG } else { tag };
        if let Some(reason) = fault_of_tag(tag) {
            return invalid(tag, reason);
        }
        Ok(Self {
            repository: repository.to_owned(),
            tag: tag.to_owned(),
        })
    }

    /// The part before the tag.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The part behind the last colon.
    pub fn tag(&self) -> &str {
        &self.tag
    }
}

impl FromStr for Reference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        let invalid = |reason| {
            Err(InvalidReference {
                text: text.to_owned(),
                reason,
            })
        };
        if text.contains('@') {
            return invalid("a tag is expected, not a digest");
        }
        // a colon before the last slash belongs to a port
        match text.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')) {
            Some((_, "")) => invalid("the tag is empty"),
            Some((repository, tag)) => Self::new(repository, tag),
            None => Self::new(text, DEFAULT_TAG),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.repository, self.tag)
    }
}

impl TryFrom<String> for Reference {
    type Error = InvalidReference;

    fn try_from(text: String) -> Result<Self, InvalidReference> {
        text.parse()
    }
}

impl From<Reference> for String {
    fn from(reference: Reference) -> Self {
        reference.to_string()
    }
}

/// The short form of a name on Docker's own registry (distribution/reference, `normalize.go`).
fn familiar(repository: &str) -> &str {
    let hosts = ["docker.io/", "index.docker.io/"];
    let mut prefixes = hosts
        .iter()
        .filter_map(|host| repository.strip_prefix(host));
    let path = prefixes.next().unwrap_or(repository);
    path.strip_prefix("library/")
        .filter(|name| !name.contains('/'))
        .unwrap_or(path)
}

fn fault_of_repository(repository: &str) -> Option<&'static str> {
    if repository.is_empty() {
        return Some("the repository is empty");
    }
    if repository.len() > MAX_NAME {
        return Some("repository name must not be more than 255 characters");
    }
    if repository.len() == 64
        && repository
            .bytes()
            .all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
    {
        return Some("64 hex digits would be taken for an image's id");
    }
    let path = match repository.split_once('/') {
        Some((first, path)) if looks_like_host(first) && is_host(first) => path,
        _ => repository,
    };
    if path.bytes().any(|c| c.is_ascii_uppercase()) {
        return Some("repository name must be lowercase");
    }
    (!path.split('/').all(is_path_component)).then_some(
        "a repository name has lower-case letters and digits, \
         with single '.', one or two '_' or any '-' between them, in parts with '/' between them",
    )
}

fn fault_of_tag(tag: &str) -> Option<&'static str> {
    let word = |c: u8| c.is_ascii_alphanumeric() || c == b'_';
    let fits = tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|c| word(c) || matches!(c, b'.' | b'-'))
        && tag.len() <= MAX_TAG;
    (!fits).then_some(
        "a tag has up to 128 letters, digits, '_', '.' and '-', of which the last two are not its first",
    )
}

/// What tells a host from the first part of a path.
pub(super) fn looks_like_host(text: &str) -> bool {
    text.contains(['.', ':']) || text == "localhost" || text.bytes().any(|c| c.is_ascii_uppercase())
}

fn is_host(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|c| c.is_ascii_alphanumeric() || c == b'-')
    };
    let bracketed = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let named = match bracketed {
        Some(address) => address.bytes().all(|c| c.is_ascii_hexdigit() || c == b':'),
        None => host.split('.').all(label),
    };
    named && port.is_none_or(|port| !port.is_empty() && port.bytes().all(|c| c.is_ascii_digit()))
}

/// Runs of lower-case letters and digits with separators between them: `.`, `_`, `__` or any number of `-`.
fn is_path_component(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let separators = text.split(plain).filter(|separator| !separator.is_empty());
    text.starts_with(plain)
        && text.ends_with(plain)
        && separators.into_iter().all(|separator| {
            matches!(separator, "." | "_" | "__") || separator.bytes().all(|c| c == b'-')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_completed_with_the_tag_latest() {
        for (text, whole) in [
            ("busybox", "busybox:latest"),
            ("busybox:1.35", "busybox:1.35"),
            ("team/app_one:V.2-x", "team/app_one:V.2-x"),
            ("a.b--c__d/e", "a.b--c__d/e:latest"),
            ("docker.io/library/busybox", "busybox:latest"),
            ("docker.io/team/app:1", "team/app:1"),
            ("library/busybox", "busybox:latest"),
            ("localhost/library/app", "localhost/library/app:latest"),
            ("localhost:5000/app", "localhost:5000/app:latest"),
            ("Host.example:5000/app:1", "Host.example:5000/app:1"),
            ("[2001:db8::1]:5000/app", "[2001:db8::1]:5000/app:latest"),
        ] {
            assert_eq!(text.parse::<Reference>().unwrap().to_string(), whole);
        }
    }

    #[test]
    fn a_text_that_is_no_name_is_refused_with_the_reason() {
        let id = "0123456789abcdef".repeat(4);
        let long = "a".repeat(256);
        let long_tag = format!("a:{}", "b".repeat(129));
        for (text, reason) in [
            ("", "empty"),
            (":tag", "empty"),
            ("busybox:", "tag is empty"),
            ("Busybox", "must be lowercase"),
            ("host.example/App", "must be lowercase"),
            ("a//b", "lower-case letters"),
            ("-a", "lower-case letters"),
            ("a..b", "lower-case letters"),
            ("a___b", "lower-case letters"),
            ("a b", "lower-case letters"),
            ("../etc", "lower-case letters"),
            ("host.example:port/a", "lower-case letters"),
            ("a:-tag", "a tag has"),
            ("a:b$", "a tag has"),
            (&long_tag, "a tag has"),
            (&long, "255"),
            (&id, "id"),
            ("a@sha256:00", "digest"),
        ] {
            let error = text.parse::<Reference>().unwrap_err().to_string();
            assert!(error.starts_with("invalid reference format"), "{error}");
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
