//! Opening the sockets that the API is served on.

use std::fs::{self, Permissions};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use nix::unistd::{Group, chown};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::{TcpListener, UnixListener};
use tokio_rustls::TlsAcceptor;

use crate::api::Listener;
use crate::config::{Host, Tls};

/// Whose members may talk to the daemon, where there is such a group.
const GROUP: &str = "rnet";

/// Opens one socket, within the event loop that is to serve it.
pub fn listen(host: &Host, tls: Option<&Tls>) -> Result<Listener> {
    match host {
        Host::Unix(path) => Ok(Listener::Unix(unix(path)?)),
        Host::Tcp(address) => {
            let failed = || format!("cannot listen on tcp://{address}");
            let listener = std::net::TcpListener::bind(address.as_str()).with_context(failed)?;
            listener.set_nonblocking(true).with_context(failed)?;
            let listener = TcpListener::from_std(listener).with_context(failed)?;
            Ok(match tls {
                Some(tls) => Listener::Tls(listener, acceptor(tls)?),
                None => {
                    tracing::warn!("everyone who reaches tcp://{address} is root on this machine");
                    Listener::Plain(listener)
                }
            })
        }
    }
}

/// Removes the sockets' files: a missing one tells clients more than a dead one.
pub fn put_away(hosts: &[Host]) {
    for host in hosts {
        if let Host::Unix(path) = host {
            let _ = fs::remove_file(path);
        }
    }
}

/// A unix socket, in place of one that a dead daemon left.
fn unix(socket: &Path) -> Result<UnixListener> {
    if UnixStream::connect(socket).is_ok() {
        bail!(
            "another netd serves {}: stop it, or give this one another --host",
            socket.display()
        );
    }
    let directory = socket
        .parent()
        .context("the socket's path has no directory")?;
    fs::create_dir_all(directory)
        .with_context(|| format!("cannot make directory {}", directory.display()))?;
    // only a dead daemon's socket makes room: whatever else is there, binding will say
    if fs::metadata(socket).is_ok_and(|file| file.file_type().is_socket()) {
        let _ = fs::remove_file(socket);
    }
    let listener = UnixListener::bind(socket)
        .with_context(|| format!("cannot listen on {}", socket.display()))?;
    let failed = || format!("cannot set the rights of {}", socket.display());
    // a host whose groups cannot be read has none that may come in
    if let Ok(Some(group)) = Group::from_name(GROUP) {
        chown(socket, None, Some(group.gid)).with_context(failed)?;
    }
    fs::set_permissions(socket, Permissions::from_mode(0o660)).with_context(failed)?;
    Ok(listener)
}

/// What lets in clients whose certificates are vouched for, and nobody else.
fn acceptor(tls: &Tls) -> Result<TlsAcceptor> {
    let provider = Arc::new(ring::default_provider());
    let mut authorities = RootCertStore::empty();
    for certificate in certificates(&tls.ca)? {
        authorities
            .add(certificate)
            .with_context(|| format!("{} vouches for nobody", tls.ca.display()))?;
    }
    let verifier =
        WebPkiClientVerifier::builder_with_provider(authorities.into(), provider.clone());
    let verifier = verifier
        .build()
        .with_context(|| format!("{} vouches for nobody", tls.ca.display()))?;
    let key = PrivateKeyDer::from_pem_file(&tls.key)
        .with_context(|| format!("cannot read a private key from {}", tls.key.display()))?;
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("TLS is not to be had")?
        .with_client_cert_verifier(verifier)
        .with_single_cert(certificates(&tls.certificate)?, key);
    let config = config.with_context(|| {
        let (certificate, key) = (tls.certificate.display(), tls.key.display());
        format!("{certificate} and {key} do not belong together")
    })?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let failed = || format!("cannot read certificates from {}", path.display());
    let found = CertificateDer::pem_file_iter(path).with_context(failed)?;
    let found = found.collect::<Result<Vec<_>, _>>().with_context(failed)?;
    if found.is_empty() {
        bail!("there is no certificate in {}", path.display());
    }
    Ok(found)
}
