//! The firewall on the real kernel: labs made of network namespaces, real packets, `nft` as the oracle.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

/// Makes tests of functions that take a [`lab::Backend`], one for each backend.
macro_rules! with_each_backend {
    ($($test:ident),* $(,)?) => {
        crate::with_each_backend!(nftables = Nftables: $($test)*);
        crate::with_each_backend!(iptables_nft = IptablesNft: $($test)*);
        crate::with_each_backend!(iptables_legacy = IptablesLegacy: $($test)*);
    };
    ($name:ident = $backend:ident: $($test:ident)*) => {
        mod $name {
            $(#[test]
            fn $test() {
                super::$test(crate::lab::Backend::$backend);
            })*
        }
    };
}
use with_each_backend;

mod clients;
mod disturbed;
mod iptables;
mod isolation;
mod lab;
mod published;
mod reach;
mod sample;
mod scale;
mod table;
mod traffic;
