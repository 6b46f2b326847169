//! Where the API is served: `unix://PATH` and `tcp://ADDRESS:PORT`, and what vouches for who comes over TCP.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Deserializer};

use super::Options;

/// Where Docker's clients expect TLS.
const TLS_PORT: u16 = 2376;

/// One place where the API is served.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Host {
    /// A unix socket.
    Unix(PathBuf),
    /// An address, or a name of one, and a port.
    Tcp(String),
}

/// The files that netd shows clients over TCP, and judges them by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tls {
    /// The certificates of those who vouch for clients (PEM).
    pub ca: PathBuf,
    /// The daemon's own certificate, with those that lead to its clients' CA (PEM).
    pub certificate: PathBuf,
    /// Its private key (PEM).
    pub key: PathBuf,
}

/// Settles where the API is served, and by which files over TCP; those are missing only where everyone is let in.
pub(super) fn settle(
    flags: &mut Options,
    file: &mut Options,
    run_dir: &Path,
) -> Result<(Vec<Host>, Option<Tls>)> {
    let hosts = match std::mem::take(&mut flags.host) {
        none if none.is_empty() => std::mem::take(&mut file.host),
        hosts => hosts,
    };
    let mut hosts = hosts
        .iter()
        .map(|host| parse(host))
        .collect::<Result<Vec<_>>>()?;
    if hosts.is_empty() {
        hosts.push(Host::Unix(run_dir.join("rnet.sock")));
    }
    let verify = flags.tlsverify.or(file.tlsverify).unwrap_or(false);
    let everyone = flags.unsafe_plain_tcp.or(file.unsafe_plain_tcp);
    let everyone = everyone.unwrap_or(false);
    ensure!(
        !(verify && everyone),
        "--tlsverify and --unsafe-plain-tcp contradict each other: leave one out"
    );
    let files = (
        flags.tlscacert.take().or(file.tlscacert.take()),
        flags.tlscert.take().or(file.tlscert.take()),
        flags.tlskey.take().or(file.tlskey.take()),
    );
    let tls = match files {
        (Some(ca), Some(certificate), Some(key)) if verify => Some(Tls {
            ca,
            certificate,
            key,
        }),
        _ if verify => bail!("--tlsverify needs --tlscacert, --tlscert and --tlskey"),
        (None, None, None) => None,
        _ => bail!("--tlscacert, --tlscert and --tlskey are of use with --tlsverify only"),
    };
    if let Some(Host::Tcp(address)) = hosts.iter().find(|it| matches!(it, Host::Tcp(_))) {
        ensure!(
            verify || everyone,
            "tcp://{address} would let in everyone who reaches it, with all the rights of root: give --tlsverify, \
             --tlscacert, --tlscert and --tlskey (or --unsafe-plain-tcp, where that is meant)"
        );
    }
    Ok((hosts, tls))
}

/// One host or a list of them.
pub(super) fn one_or_many<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Hosts {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Hosts::deserialize(deserializer)? {
        Hosts::One(host) => vec![host],
        Hosts::Many(hosts) => hosts,
    })
}

fn parse(host: &str) -> Result<Host> {
    let path = host
        .strip_prefix("unix://")
        .filter(|path| path.starts_with('/'));
    if let Some(path) = path {
        return Ok(Host::Unix(path.into()));
    }
    let address = host
        .strip_prefix("tcp://")
        .map(|it| it.trim_end_matches('/'));
    let address = address.filter(|it| !it.is_empty()).with_context(|| {
        format!("invalid host {host:?}: unix:// and an absolute path, or tcp://ADDRESS:PORT, is expected")
    })?;
    // a colon within brackets is an IPv6 address's own
    let port = address
        .rsplit_once(':')
        .filter(|(_, port)| !port.ends_with(']'));
    Ok(Host::Tcp(match port {
        Some((_, port)) => {
            port.parse::<u16>()
                .with_context(|| format!("invalid port of host {host:?}"))?;
            address.to_owned()
        }
        None => format!("{address}:{TLS_PORT}"),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_sockets_and_addresses_with_ports() {
        for (text, host) in [
            ("unix:///run/s", Host::Unix("/run/s".into())),
            ("tcp://192.0.2.1:1", Host::Tcp("192.0.2.1:1".into())),
            ("tcp://lab/", Host::Tcp("lab:2376".into())),
            ("tcp://[::1]", Host::Tcp("[::1]:2376".into())),
            ("tcp://[::1]:2", Host::Tcp("[::1]:2".into())),
        ] {
            assert_eq!(parse(text).unwrap(), host);
        }
        for wrong in [
            "unix://s",
            "tcp://",
            "/run/s",
            "tcp://lab:many",
            "fd://",
            "http://lab",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
