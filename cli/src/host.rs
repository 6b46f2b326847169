//! Where `netd` listens.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::parse::Refused;

/// Where `netd` listens when nobody says otherwise.
pub(crate) const DEFAULT: &str = "unix:///run/rnet/rnet.sock";

/// The daemon's socket, written `unix:///path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host(PathBuf);

impl Host {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unix://{}", self.0.display())
    }
}

impl FromStr for Host {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let path = text.strip_prefix("unix://").ok_or_else(|| {
            Refused::new("netd is reached by a unix socket only: write unix:///path/to/rnet.sock")
        })?;
        if !path.starts_with('/') {
            return Err(Refused::new(
                "the socket's path must be absolute: unix:///path/to/rnet.sock",
            ));
        }
        Ok(Self(path.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_an_absolute_unix_path() {
        let host: Host = DEFAULT.parse().unwrap();
        assert_eq!(host.path(), Path::new("/run/rnet/rnet.sock"));
        assert_eq!(host.to_string(), DEFAULT);
        for wrong in [
            "tcp://127.0.0.1:2375",
            "/run/rnet.sock",
            "unix://rnet.sock",
            "",
        ] {
            assert!(wrong.parse::<Host>().is_err(), "{wrong}");
        }
    }
}
