//! Containers of the bundled runtime: their records, and their lives.

mod connect;
mod create;
mod files;
mod remove;
mod spec;
mod start;
mod stop;
mod sysctls;
mod take_up;
mod wait;

pub use create::{ContainerRequest, endpoint_settings};
pub(in crate::daemon) use spec::environment;
pub use wait::{Exit, ExitWatch, WaitCondition};
