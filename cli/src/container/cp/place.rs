//! Where something is copied from or to, and paths as texts.

use std::convert::Infallible;
use std::str::FromStr;

/// A path in a container, or here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Place {
    Container {
        name: String,
        path: String,
    },
    /// `-` for standard input or output.
    Here(String),
}

impl FromStr for Place {
    type Err = Infallible;

    /// A colon behind a slash or a dot at the beginning is part of a path here, as to Docker.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        let here = text.starts_with(['/', '.']);
        Ok(match text.split_once(':') {
            Some((name, path)) if !here && !name.is_empty() => {
                let path = if path.is_empty() { "/" } else { path };
                let name = name.to_owned();
                Self::Container {
                    name,
                    path: join("/", path),
                }
            }
            _ => Self::Here(text.to_owned()),
        })
    }
}

/// `path`, from `directory` on where it is relative.
pub(super) fn join(directory: &str, path: &str) -> String {
    match path.starts_with('/') {
        true => path.to_owned(),
        false => format!("{}/{path}", directory.trim_end_matches('/')),
    }
}

/// The last name of a path.
pub(super) fn last(path: &str) -> String {
    let path = path.trim_end_matches('/');
    path.rsplit('/').next().unwrap_or(path).to_owned()
}

/// The directory that a path is in.
pub(super) fn parent(path: &str) -> String {
    match path.trim_end_matches('/').rsplit_once('/') {
        Some((parent, _)) if !parent.is_empty() => parent.to_owned(),
        _ => "/".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colon_tells_a_container_unless_the_path_is_plainly_here() {
        let container = |name: &str, path: &str| Place::Container {
            name: name.to_owned(),
            path: path.to_owned(),
        };
        for (text, place) in [
            ("c1:/etc", container("c1", "/etc")),
            ("c1:etc", container("c1", "/etc")),
            ("c1:", container("c1", "/")),
            ("./a:b", Place::Here("./a:b".to_owned())),
            ("/a:b", Place::Here("/a:b".to_owned())),
            ("-", Place::Here("-".to_owned())),
        ] {
            assert_eq!(text.parse(), Ok(place), "{text}");
        }
        assert_eq!(
            (last("/a/b/"), parent("/a/b/")),
            ("b".to_owned(), "/a".to_owned())
        );
        assert_eq!(parent("/a"), "/");
    }
}
