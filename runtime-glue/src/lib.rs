//! The doors of rnet: the bundled runtime, and every way in from another one.
//!
//! The runtime makes containers of Linux namespaces, control groups and an overlay file system. [`Runtime`] is the
//! daemon's side; each container has a monitor process, the program `rnet-shim`, that is the parent of its first
//! process, keeps its log and its exit code, and lives on when the daemon does not.

mod capability;
mod cgroup;
pub mod defaults;
mod device;
mod error;
mod heap;
mod idmap;
pub mod image;
mod init;
mod limits;
pub mod log;
pub mod oci;
mod record;
mod rlimit;
mod runtime;
pub mod seccomp;
pub mod shim;
pub mod spec;
mod sys;
mod user;
mod wire;

pub use capability::{Capabilities, UnknownCapability};
pub use cgroup::{CpuUsage, DiskUsage, MemoryUsage, Usage};
pub use error::{AccountKind, RuntimeError};
pub use heap::{share_heaps, trim_heaps};
pub use record::{Exit, process_end};
pub use runtime::{ContainerState, Created, ExecExit, ExecStream, Runtime};
pub use spec::{ExecSpec, Spec};
pub use wire::AttachOptions;
