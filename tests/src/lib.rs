//! End to end: rnet in a private lab host.
//!
//! A [`Lab`] is a machine of its own as far as rnet can tell: network, mounts, processes, host name, `/etc`, `/run`
//! and `/var/lib` are private, and a second network namespace plays a machine outside.

pub mod demo;
mod lab;
pub mod vm;
pub mod world;

pub use lab::{Contents, Lab, Ran, WHOAMI, busybox_archive, eventually};
