//! How registries are reached: by TLS, or without where that was allowed.

use std::net::IpAddr;
use std::sync::Once;
use std::time::Duration;

use oci_client::Client;
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::secrets::RegistryAuth;

use crate::RegistryError;

/// How registries are reached.
#[derive(Clone, Debug)]
pub struct Reach {
    /// Registries (`HOST[:PORT]`) that may do without TLS, or without a certificate that can be verified; those on this
    /// machine's loopback may anyway (moby, registry/config.go, `isSecureIndex`).
    pub insecure: Vec<String>,
    /// How long a registry may say nothing.
    pub patience: Duration,
    /// How long to wait before a transfer that broke off goes on, the first time; each further time it is twice as long.
    pub pause: Duration,
}

impl Default for Reach {
    fn default() -> Self {
        Self {
            insecure: Vec::new(),
            patience: Duration::from_secs(60),
            pause: Duration::from_millis(500),
        }
    }
}

/// Who asks.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Login {
    /// Nobody in particular.
    #[default]
    Anonymous,
    /// A user.
    Password {
        /// The name.
        user: String,
        /// The password.
        password: Secret,
    },
    /// Whoever has this token of the registry's.
    Token(Secret),
}

/// A text that is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl Login {
    pub(crate) fn auth(&self) -> RegistryAuth {
        match self {
            Self::Anonymous => RegistryAuth::Anonymous,
            Self::Password { user, password } => {
                RegistryAuth::Basic(user.clone(), password.0.clone())
            }
            Self::Token(token) => RegistryAuth::Bearer(token.0.clone()),
        }
    }
}

impl Reach {
    /// Clients for a registry, in the order in which they are to be tried.
    pub(crate) fn clients(&self, registry: &str) -> Result<Vec<Client>, RegistryError> {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            // whoever set one before has set one
            let _ = rustls::crypto::ring::default_provider().install_default();
        });
        let client = |protocol, accept_invalid_certificates| {
            Client::try_from(ClientConfig {
                protocol,
                accept_invalid_certificates,
                use_monolithic_push: true,
                read_timeout: Some(self.patience),
                connect_timeout: Some(self.patience),
                user_agent: concat!("rnet/", env!("CARGO_PKG_VERSION")),
                ..ClientConfig::default()
            })
            .map_err(|source| RegistryError::Client {
                registry: registry.to_owned(),
                source,
            })
        };
        match self.is_insecure(registry) {
            false => Ok(vec![client(ClientProtocol::Https, false)?]),
            true => Ok(vec![
                client(ClientProtocol::Https, true)?,
                client(ClientProtocol::Http, true)?,
            ]),
        }
    }

    fn is_insecure(&self, registry: &str) -> bool {
        let bare = without_port(registry);
        let named = |it: &String| it == registry || it == bare;
        self.insecure.iter().any(named)
            || bare == "localhost"
            || bare
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }
}

/// The host of `HOST[:PORT]`, without the brackets of an IPv6 address.
fn without_port(registry: &str) -> &str {
    if let Some((host, _)) = registry
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    {
        return host;
    }
    registry.rsplit_once(':').map_or(registry, |(host, _)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_and_what_is_named_may_do_without_tls() {
        let reach = Reach {
            insecure: vec!["plain.example".into(), "other.example:5000".into()],
            ..Reach::default()
        };
        for registry in [
            "localhost",
            "localhost:5000",
            "127.0.0.9:5000",
            "[::1]:5000",
            "plain.example:80",
            "other.example:5000",
        ] {
            assert!(reach.is_insecure(registry), "{registry}");
        }
        for registry in [
            "docker.io",
            "other.example",
            "other.example:443",
            "10.0.0.1:5000",
            "localhost.example",
            "[2001:db8::1]:5000",
        ] {
            assert!(!reach.is_insecure(registry), "{registry}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let login = Login::Password {
            user: "me".into(),
            password: Secret("hidden".into()),
        };
        assert!(!format!("{login:?}").contains("hidden"));
    }
}
