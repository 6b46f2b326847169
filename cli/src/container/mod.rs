//! Commands about containers.

pub(crate) mod attach;
pub(crate) mod commit;
pub(crate) mod cp;
pub(crate) mod diff;
mod disks;
pub(crate) mod exec;
pub(crate) mod life;
pub(crate) mod lifecycle;
pub(crate) mod limits;
pub(crate) mod logs;
pub(crate) mod options;
pub(crate) mod port;
pub(crate) mod ps;
pub(crate) mod request;
pub(crate) mod run;
pub(crate) mod security;
pub(crate) mod start;
pub(crate) mod stats;
pub(crate) mod top;
