//! Which subnet a network gets and which address an endpoint gets.
//!
//! Nothing is remembered here: [`plan`] and [`lease`] look at what networks and endpoints hold already, so an address
//! is free as soon as its holder is gone and none can leak.

mod check;
mod error;
mod family;
mod lease;
mod plan;
mod pools;
#[cfg(test)]
mod properties;
mod space;

pub use check::mistakes;
pub use error::{Holder, IpamError, Kind};
pub use family::Family;
pub use lease::{Held, LeaseRequest, lease};
pub use plan::{NetworkRequest, SubnetRequest, plan};
pub use pools::{Pool, Pools};
pub use space::Space;
