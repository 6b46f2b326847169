//! The will of rnet: the daemon that decides, records and drives.

pub mod api;
pub mod config;
pub mod container;
pub mod daemon;
pub mod error;
pub mod event;
mod fd;
pub mod listen;
pub mod plugin;
pub mod project;
pub mod remote;
pub mod state;
pub mod store;
pub mod transfer;
pub mod volume;
