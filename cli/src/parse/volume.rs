//! Volumes and bind mounts (`-v [SOURCE:]TARGET[:OPTIONS]`) and temporary file systems (`--tmpfs`).

use std::collections::HashMap;
use std::path::{Path, absolute};
use std::str::FromStr;

use super::Refused;

/// A directory or file of the host, or a volume, seen in the container; a target alone is a volume of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bind(String);

impl Bind {
    /// As the API wants it, its source absolute.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is a target alone, which the API wants elsewhere.
    pub(crate) fn is_bare(&self) -> bool {
        !self.0.contains(':')
    }
}

impl FromStr for Bind {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let Some((source, rest)) = text.split_once(':') else {
            absolute_target(text)?;
            return Ok(Self(text.to_owned()));
        };
        let target = rest.split_once(':').map_or(rest, |(target, _)| target);
        absolute_target(target)?;
        if source.is_empty() {
            return Err(Refused::new(
                "write [SOURCE:]TARGET[:OPTIONS], SOURCE being a path or a volume",
            ));
        }
        if !source.starts_with(['/', '.']) {
            return Ok(Self(text.to_owned()));
        }
        let source = absolute(source)
            .map_err(|error| Refused::new(format!("cannot make {source:?} absolute: {error}")))?;
        Ok(Self(format!("{}:{rest}", source.display())))
    }
}

/// A file system in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tmpfs {
    target: String,
    options: String,
}

impl FromStr for Tmpfs {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let (target, options) = text.split_once(':').unwrap_or((text, ""));
        absolute_target(target)?;
        Ok(Self {
            target: target.to_owned(),
            options: options.to_owned(),
        })
    }
}

/// All of `mounts` as the API wants them.
pub(crate) fn tmpfs(mounts: &[Tmpfs]) -> HashMap<String, String> {
    mounts
        .iter()
        .map(|mount| (mount.target.clone(), mount.options.clone()))
        .collect()
}

fn absolute_target(target: &str) -> Result<(), Refused> {
    if Path::new(target).is_absolute() {
        Ok(())
    } else {
        Err(Refused::new(format!(
            "the path in the container must be absolute, not {target:?}"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_becomes_absolute() {
        let bind = |text: &str| text.parse::<Bind>().map(|bind| bind.0);
        assert_eq!(bind("/srv:/data:ro").as_deref(), Ok("/srv:/data:ro"));
        assert_eq!(bind("data:/data").as_deref(), Ok("data:/data"), "a volume");
        assert_eq!(bind("/data").as_deref(), Ok("/data"), "one of its own");
        let here = std::env::current_dir().unwrap();
        assert_eq!(
            bind("./www:/www"),
            Ok(format!("{}/www:/www", here.display()))
        );
    }

    #[test]
    fn what_is_no_bind_mount_is_refused() {
        for wrong in ["data", "pgdata:var/lib", "/srv:data", ":/data", "/srv:"] {
            assert!(wrong.parse::<Bind>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_tmpfs_may_have_options() {
        let mounts = ["/run", "/tmp:size=64m,noexec"].map(|text| text.parse().unwrap());
        assert_eq!(tmpfs(&mounts)["/tmp"], "size=64m,noexec");
        assert_eq!(tmpfs(&mounts)["/run"], "");
        assert!("run".parse::<Tmpfs>().is_err());
    }
}
