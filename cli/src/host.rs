//! Where `netd` listens.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::parse::Refused;

/// Where `netd` listens when nobody says otherwise.
pub(crate) const DEFAULT: &str = "unix:///run/rnet/rnet.sock";

/// Where `netd` serves clients with certificates.
const TLS_PORT: u16 = 2376;

/// Where the daemon is: written `unix:///path` or `tcp://name:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    /// A unix socket's absolute path.
    Unix(PathBuf),
    /// A machine by name or address, and a port.
    Tcp { name: String, port: u16 },
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp { name, port } if name.contains(':') => write!(f, "tcp://[{name}]:{port}"),
            Self::Tcp { name, port } => write!(f, "tcp://{name}:{port}"),
        }
    }
}

impl FromStr for Host {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        if let Some(address) = text.strip_prefix("tcp://") {
            return tcp(address.trim_end_matches('/'))
                .ok_or_else(|| Refused::new("a machine and a port are expected: tcp://NAME:PORT"));
        }
        let path = text.strip_prefix("unix://").ok_or_else(|| {
            Refused::new("write unix:///path/to/rnet.sock, or tcp://NAME:PORT for another machine")
        })?;
        if !path.starts_with('/') {
            return Err(Refused::new(
                "the socket's path must be absolute: unix:///path/to/rnet.sock",
            ));
        }
        Ok(Self::Unix(path.into()))
    }
}

fn tcp(address: &str) -> Option<Host> {
    // a colon within brackets is an IPv6 address's own
    let (name, port) = match address.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, port.parse().ok()?),
        _ => (address, TLS_PORT),
    };
    let bare = name.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let name = bare.unwrap_or(name).to_owned();
    (!name.is_empty()).then_some(Host::Tcp { name, port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_an_absolute_unix_path_or_a_machine_with_a_port() {
        for text in [
            DEFAULT,
            "tcp://lab:2376",
            "tcp://[::1]:1",
            "tcp://192.0.2.1:65535",
        ] {
            assert_eq!(text.parse::<Host>().unwrap().to_string(), text);
        }
        let host: Host = "tcp://[::1]/".parse().unwrap();
        assert_eq!(host.to_string(), "tcp://[::1]:2376");
        for wrong in [
            "/run/rnet.sock",
            "unix://rnet.sock",
            "",
            "tcp://",
            "tcp://lab:many",
            "http://lab",
        ] {
            assert!(wrong.parse::<Host>().is_err(), "{wrong}");
        }
    }
}
