//! Making resources cease to exist.

use std::collections::BTreeSet;

use rnet_model::{IfName, Object, Place, Resource, SandboxId};

use crate::error::KernelError;
use crate::mark::Mark;
use crate::netlink::Netlink;
use crate::rtnl::{Refusal, request};
use crate::traveller::Traveller;
use crate::{batch, borrow, join, nft, shape};

/// The resources that take an effort to remove, in reverse: what is in a sandbox or on a link that is removed with
/// it goes by itself.
pub(crate) fn worth_removing(resources: &[Resource]) -> Vec<&Resource> {
    let sandboxes: BTreeSet<SandboxId> = resources.iter().filter_map(sandbox).collect();
    let links: BTreeSet<(Place, &IfName)> = resources.iter().flat_map(links).collect();
    let stays = |place: Place, link: &IfName| {
        let goes = matches!(place, Place::Sandbox(sandbox) if sandboxes.contains(&sandbox));
        !goes && !links.contains(&(place, link))
    };
    let worth = |resource: &&Resource| match &resource.object {
        Object::Namespace(_)
        | Object::GuestNamespace { .. }
        | Object::Bridge(_)
        | Object::Veth(_)
        | Object::Intake(_)
        | Object::Patch(_)
        | Object::Borrowed(_) => true,
        Object::Shaper(shaper) => stays(resource.place, &shaper.link),
        Object::Adopted(bridge) => !bridge.addresses.is_empty(),
        // a guest goes on with its own
        Object::Up(link) if link.as_str() == "lo" => false,
        Object::Up(link) | Object::Address { link, .. } | Object::Route { link, .. } => {
            stays(resource.place, link)
        }
        Object::Sysctl { .. } | Object::LeastSysctl { .. } | Object::Told(_) => false,
    };
    resources.iter().rev().filter(worth).collect()
}

/// Removes one resource; links are only doomed, and deleted when the reaper is woken.
pub(crate) fn remove(
    kernel: &Netlink,
    traveller: &mut Traveller<'_>,
    resource: &Resource,
) -> Result<(), KernelError> {
    let removed = match (&resource.object, resource.place) {
        (Object::Namespace(sandbox), _) => return kernel.pins.remove(*sandbox),
        (Object::GuestNamespace { sandbox, .. }, _) => return unguest(kernel, traveller, *sandbox),
        (Object::Bridge(bridge), _) => doom(kernel, &bridge.name),
        (Object::Veth(veth), _) => doom(kernel, &veth.name),
        (Object::Patch(patch), _) => doom(kernel, &patch.near.name),
        (Object::Shaper(shaper), _) => shape::unshape(&mut kernel.host(), shaper),
        (Object::Intake(intake), _) => {
            let opened = shape::let_in(&mut kernel.host(), intake);
            opened.and(doom(kernel, &intake.name))
        }
        (Object::Borrowed(link), _) => return borrow::give_back(kernel, traveller, resource, link),
        (Object::Adopted(bridge), _) => join::abandon(&mut kernel.host(), bridge),
        (_, Place::Host) => batch::remove(&mut kernel.host(), resource),
        (_, Place::Sandbox(sandbox)) => match traveller.enter(sandbox) {
            Ok(sandbox) => batch::remove(&mut sandbox.rtnetlink, resource),
            // gone, and all that was in it
            Err(KernelError::NoSandbox { .. }) => Ok(()),
            Err(error) => return Err(error),
        },
    };
    removed.map_err(|source| KernelError::Remove {
        resource: Box::new(resource.clone()),
        source,
    })
}

/// Takes a link of rnet's out of service, for the reaper to delete; one of somebody else stays as it is.
pub(crate) fn doom(kernel: &Netlink, name: &IfName) -> Result<(), Refusal> {
    let mut host = kernel.host();
    let link = host.link(name)?.filter(|link| link.mark == Mark::Own);
    match link.map(|link| host.request(request::doom(link.index))) {
        // it went with its sandbox just now
        Some(Err(refusal)) if refusal.errno() == libc::ENODEV => Ok(()),
        Some(outcome) => outcome,
        None => Ok(()),
    }
}

/// Leaves a namespace that goes on without rnet.
fn unguest(
    kernel: &Netlink,
    traveller: &mut Traveller<'_>,
    sandbox: SandboxId,
) -> Result<(), KernelError> {
    let led = match traveller.enter(sandbox) {
        Ok(_) => nft::unlead_resolver().map(|socket| kernel.reaper.close(socket)),
        Err(KernelError::NoSandbox { .. }) => Ok(()),
        Err(error) => Err(error),
    };
    kernel.pins.remove(sandbox).and(led)
}

fn sandbox(resource: &Resource) -> Option<SandboxId> {
    match resource.object {
        Object::Namespace(sandbox) => Some(sandbox),
        _ => None,
    }
}

fn links(resource: &Resource) -> Vec<(Place, &IfName)> {
    match &resource.object {
        Object::Bridge(bridge) => vec![(Place::Host, &bridge.name)],
        Object::Veth(veth) => {
            vec![
                (Place::Host, &veth.name),
                (veth.peer.place(), &veth.peer.name),
            ]
        }
        Object::Borrowed(link) => vec![(Place::Sandbox(link.sandbox), &link.ifname)],
        _ => Vec::new(),
    }
}
