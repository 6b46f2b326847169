//! The embedded DNS of user-defined networks: names of endpoints are answered here, every other name is forwarded.
//!
//! ```text
//! netd --update--> Directory (names, views)          a query --> Request --> answer --+--> local answer
//!      --serve---> Resolver  (sockets, tasks)                                         +--> forward --> servers
//! ```
//! All but [`Resolver`] is pure. It holds nothing that the daemon could not tell it again.

mod answer;
mod cache;
mod datagrams;
mod directory;
mod error;
mod exchange;
mod flight;
mod forward;
mod forwarding;
mod health;
mod hosts;
mod message;
mod permit;
mod pool;
mod reply;
mod request;
mod resolv_conf;
mod response;
mod reverse;
mod sandbox_conf;
mod server;
mod service;
mod session;
mod shared;
mod zone;

pub use answer::{Answer, answer};
pub use directory::{Directory, EndpointNames, View};
pub use error::DnsError;
pub use exchange::{Sockets, Transport};
pub use forwarding::{Forwarding, Upstream};
pub use hosts::hosts;
pub use reply::LOCAL_TTL_SECONDS;
pub use request::Request;
pub use resolv_conf::{Nameserver, ResolvConf};
pub use sandbox_conf::{RESOLVED_FILE, RESOLVER, check, embedded, host_file, legacy};
pub use server::Resolver;
