//! Links of others, taken into sandboxes and given back.

use std::os::fd::AsFd;

use rnet_model::{Borrowed, ForeignLink, IfName, Place, Resource};

use crate::error::KernelError;
use crate::facts;
use crate::mark::Mark;
use crate::netlink::Netlink;
use crate::outcome::{refused, unless_absent};
use crate::rtnl::{Rtnetlink, request};
use crate::traveller::Traveller;

/// The link of that name that somebody else made; one of rnet's own is an error.
pub(crate) fn foreign_link(
    host: &mut Rtnetlink,
    name: &IfName,
) -> Result<Option<ForeignLink>, KernelError> {
    let failed = |source| KernelError::List {
        what: "links",
        source,
    };
    let Some(link) = host.link(name).map_err(failed)? else {
        return Ok(None);
    };
    if link.mark != Mark::Foreign {
        return Err(KernelError::OwnLink { name: name.clone() });
    }
    let way_out = facts::egress(host).map_err(failed)?;
    Ok(Some(ForeignLink {
        mac: link.mac,
        needed: name.as_str() == "lo" || way_out.is_some_and(|it| it.index == link.index),
    }))
}

/// A link of somebody else is in its sandbox, under its name there.
pub(crate) fn take(
    kernel: &Netlink,
    traveller: &mut Traveller<'_>,
    resource: &Resource,
    link: &Borrowed,
) -> Result<(), KernelError> {
    let failed = |source| refused(resource, source);
    let sandbox = traveller.enter(link.sandbox)?;
    let present = sandbox.rtnetlink.link(&link.ifname).map_err(failed)?;
    let mut host = kernel.host();
    let outside = host.link(&link.name).map_err(failed)?;
    match (present, outside) {
        (Some(_), None) => Ok(()),
        (Some(_), Some(_)) => Err(KernelError::NameTaken {
            sandbox: link.sandbox,
            name: link.ifname.clone(),
        }),
        (None, None) => Err(KernelError::NoLink {
            place: Place::Host,
            name: link.name.clone(),
        }),
        (None, Some(found)) if found.mark != Mark::Foreign => Err(KernelError::OwnLink {
            name: link.name.clone(),
        }),
        (None, Some(found)) => {
            let to = sandbox.namespace.as_fd();
            let moved = request::move_link(found.index, to, &link.ifname, link.mac);
            host.request(moved).map_err(failed)
        }
    }
}

/// It is the host's again, under the name it had there, unless somebody took it out of the sandbox before.
pub(crate) fn give_back(
    kernel: &Netlink,
    traveller: &mut Traveller<'_>,
    resource: &Resource,
    link: &Borrowed,
) -> Result<(), KernelError> {
    let failed = |source| KernelError::Remove {
        resource: Box::new(resource.clone()),
        source,
    };
    let sandbox = match traveller.enter(link.sandbox) {
        Err(KernelError::NoSandbox { .. }) => return Ok(()),
        sandbox => sandbox?,
    };
    // cut off between being moved and being named, it has the name it came with
    for name in [&link.ifname, &link.name] {
        if let Some(found) = sandbox.rtnetlink.link(name).map_err(failed)? {
            let moved = request::move_link(found.index, kernel.home(), &link.name, None);
            return unless_absent(sandbox.rtnetlink.request(moved)).map_err(failed);
        }
    }
    Ok(())
}
