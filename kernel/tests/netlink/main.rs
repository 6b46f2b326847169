//! `Netlink` against the real kernel: each test in network and mount namespaces of its own.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod attach;
mod bridges;
mod flows;
mod foreign;
mod guest;
mod host;
mod lab;
mod leftovers;
mod many;
mod remove;
mod routes;
mod sandbox;
