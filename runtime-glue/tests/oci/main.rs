//! Bundles of the OCI runtime specification, side by side with runc: the same bundle, the same result.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod beside;
mod console;
mod crash;
mod escapes;
mod hooks;
mod lab;
mod life;
mod refused;
