//! What the state means: gateways, default routes, the firewall policy, names. All pure.

mod gateway;
mod offer;
mod policy;
mod target;

pub use gateway::{Gateways, default_routes, gateways, in_order};
pub use offer::{offered, offered_name};
pub use policy::Share;
pub use target::{Targets, targets};
