//! Containers of the bundled runtime: their records, and their lives.

mod commit;
mod connect;
mod copy;
mod create;
mod devices;
mod donors;
mod files;
mod limits;
mod links;
mod logging;
mod mounts;
mod namespaces;
mod pause;
mod remove;
mod restart;
mod security;
mod size;
mod spec;
mod start;
mod stop;
mod sysctls;
mod take_up;
mod ulimits;
mod usage;
mod wait;

pub use commit::CommitRequest;
pub(in crate::daemon) use connect::may_have;
pub use create::{ContainerRequest, endpoint_settings};
pub use logging::{LogDefaults, check as check_log};
pub use restart::Restarts;
pub use size::Sizes;
pub(in crate::daemon) use spec::environment;
pub use usage::{Counters, Sample};
pub use wait::{Exit, ExitWatch, WaitCondition};
