//! The firewall on the real kernel: labs made of network namespaces, real packets, `nft` as the oracle.

mod isolation;
mod lab;
mod published;
mod scale;
mod table;
mod traffic;
