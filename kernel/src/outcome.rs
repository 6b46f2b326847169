//! What the kernel's answers mean for a resource.

use rnet_model::{IfName, Resource};

use crate::error::KernelError;
use crate::rtnl::{Refusal, Rtnetlink};

/// The kernel's words for what is absent: a link, a route, an address, or IPv6 on a link that has none.
const ABSENT: [i32; 4] = [libc::ENODEV, libc::ESRCH, libc::EADDRNOTAVAIL, libc::ENXIO];

/// A resource was not made to exist.
pub(crate) fn refused(resource: &Resource, source: Refusal) -> KernelError {
    KernelError::Ensure {
        resource: Box::new(resource.clone()),
        source,
    }
}

/// What is absent already is removed.
pub(crate) fn unless_absent(removed: Result<(), Refusal>) -> Result<(), Refusal> {
    match removed {
        Err(refusal) if ABSENT.contains(&refusal.errno()) => Ok(()),
        outcome => outcome,
    }
}

/// The index of a link that a resource needs.
pub(crate) fn index(
    rtnetlink: &Rtnetlink,
    resource: &Resource,
    link: &IfName,
) -> Result<u32, KernelError> {
    let index = rtnetlink
        .index(link)
        .map_err(|source| refused(resource, source))?;
    index.ok_or_else(|| KernelError::NoLink {
        place: resource.place,
        name: link.clone(),
    })
}
