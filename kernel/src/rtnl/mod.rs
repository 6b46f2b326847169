//! A synchronous conversation with rtnetlink: links, addresses and routes of one network namespace.
//!
//! ```text
//! Resource ── request ──▶ [Request] ── Rtnetlink::send ──▶ one datagram ──▶ the refusals, each with its position
//! ```
//! Messages are made with rtnetlink's builders. Its async handles are not used: rtnetlink works a request off inside
//! `sendto`, so that nothing is ever waited for, and several requests share one system call.

mod address;
mod egress;
mod index;
mod known;
mod link;
mod listener;
mod refusal;
pub(crate) mod request;
mod route;
mod routes;
mod socket;
pub(crate) mod traffic;

pub(crate) use egress::EgressWatch;
pub(crate) use known::KnownRoutes;
pub(crate) use link::Link;
pub(crate) use listener::Listener;
pub use refusal::Refusal;
pub(crate) use request::Request;
pub(crate) use route::Route;
pub(crate) use routes::Routes;
pub(crate) use socket::{Refused, Rtnetlink};
