//! How names are resolved in a sandbox.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// What a user asked of name resolution; an empty list means "as the host has it".
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct DnsConfig {
    /// Servers that names unknown here are forwarded to, asked from inside the sandbox.
    pub servers: Vec<IpAddr>,
    /// Search domains; a single `.` stands for none at all.
    pub search: Vec<String>,
    /// resolv.conf options, such as `ndots:2`.
    pub options: Vec<String>,
}
