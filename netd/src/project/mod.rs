//! What the state means: gateways, default routes, the firewall policy, names. All pure.

mod gateway;
mod policy;

pub use gateway::{Gateways, default_routes, gateways, in_order};
pub use policy::policy;
