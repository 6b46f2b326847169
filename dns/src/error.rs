//! What can go wrong in the embedded DNS.

use std::io;
use std::net::SocketAddr;

use rnet_model::SandboxId;

use crate::Upstream;

/// A failed operation of the embedded DNS, with its object.
#[derive(Debug, thiserror::Error)]
pub enum DnsError {
    /// A sandbox's sockets could not be handed to the runtime.
    #[error("cannot serve DNS on {socket} of sandbox {}", sandbox.short())]
    Serve {
        /// The sandbox.
        sandbox: SandboxId,
        /// The address the socket is bound to.
        socket: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A server that names are forwarded to could not be asked, or its answer could not be read.
    #[error("cannot ask the DNS server {upstream}")]
    Ask {
        /// The server.
        upstream: Upstream,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A search domain that would not survive in a resolv.conf.
    #[error(
        "invalid DNS search domain {0:?}: use letters, digits, '-', '_' and '.'; a single '.' stands for none"
    )]
    SearchDomain(String),
    /// A resolver option that would not survive in a resolv.conf.
    #[error("invalid DNS option {0:?}: use one word, such as ndots:2")]
    ResolverOption(String),
    /// A name that would not survive in a hosts file.
    #[error("invalid host name {0:?}: use one word of letters, digits, '-', '_' and '.'")]
    HostName(String),
}
