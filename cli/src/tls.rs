//! Certificates, for daemons that are reached over TCP.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use clap::builder::FalseyValueParser;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use crate::error::{Error, Result};

/// What vouches for us, and for the daemon.
#[derive(Args, Clone, Debug)]
pub(crate) struct Certificates {
    /// Talk to a tcp:// host, that proves who it is, as somebody who does, too
    #[arg(long, global = true, help_heading = "Daemon", env = "RNET_TLS_VERIFY", value_parser = FalseyValueParser::new())]
    tlsverify: bool,
    /// The certificates of those who vouch for the daemon [default: ca.pem in the directory RNET_CERT_PATH]
    #[arg(long, global = true, help_heading = "Daemon", value_name = "FILE")]
    tlscacert: Option<PathBuf>,
    /// Our own certificate [default: cert.pem there]
    #[arg(long, global = true, help_heading = "Daemon", value_name = "FILE")]
    tlscert: Option<PathBuf>,
    /// Its private key [default: key.pem there]
    #[arg(long, global = true, help_heading = "Daemon", value_name = "FILE")]
    tlskey: Option<PathBuf>,
    #[arg(long, global = true, hide = true, env = "RNET_CERT_PATH")]
    cert_path: Option<PathBuf>,
}

impl Certificates {
    /// What makes a connection one that both sides can trust.
    ///
    /// # Errors
    ///
    /// Without `--tlsverify`, for then nothing would be sure; when a file is missing or is not what it should be.
    pub(crate) fn connector(&self) -> Result<TlsConnector> {
        if !self.tlsverify {
            return Err(Error::Conflict(
                "a tcp:// host is talked to with certificates only: give --tlsverify, or set RNET_TLS_VERIFY=1",
            ));
        }
        let provider = Arc::new(ring::default_provider());
        let authorities = self.file(self.tlscacert.as_ref(), "ca.pem")?;
        let mut roots = RootCertStore::empty();
        for certificate in certificates(&authorities)? {
            roots
                .add(certificate)
                .map_err(|source| unusable(&authorities, source))?;
        }
        let own = self.file(self.tlscert.as_ref(), "cert.pem")?;
        let key = self.file(self.tlskey.as_ref(), "key.pem")?;
        let private =
            PrivateKeyDer::from_pem_file(&key).map_err(|source| unusable(&key, source))?;
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|source| unusable(&own, source))?
            .with_root_certificates(roots)
            .with_client_auth_cert(certificates(&own)?, private)
            .map_err(|source| unusable(&own, source))?;
        Ok(TlsConnector::from(Arc::new(config)))
    }

    fn file(&self, named: Option<&PathBuf>, name: &str) -> Result<PathBuf> {
        let usual = || Some(self.cert_path.as_ref()?.join(name));
        named.cloned().or_else(usual).ok_or(Error::Conflict(
            "give --tlscacert, --tlscert and --tlskey, or a directory of ca.pem, cert.pem and key.pem by RNET_CERT_PATH",
        ))
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let found = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    found.map_err(|source| unusable(path, source))
}

fn unusable(path: &Path, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Certificate {
        path: path.to_owned(),
        source: source.into(),
    }
}
