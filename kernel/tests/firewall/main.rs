//! The firewall on the real kernel: labs made of network namespaces, real packets, `nft` as the oracle.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod isolation;
mod lab;
mod published;
mod scale;
mod table;
mod traffic;
