//! Bridges of others that are used, and bridges joined to each other.

use std::net::IpAddr;

use netlink_packet_route::link::InfoKind;
use rnet_model::{Adopted, ForeignBridge, IfName, Mtu, Patch, PatchEnd, Resource};

use crate::error::KernelError;
use crate::mark::Mark;
use crate::outcome::{index, refused, unless_absent};
use crate::rtnl::{Link, Refusal, Rtnetlink, request};

/// The bridge of that name that somebody else made.
pub(crate) fn foreign_bridge(
    host: &mut Rtnetlink,
    name: &IfName,
) -> Result<Option<ForeignBridge>, KernelError> {
    let failed = |source| KernelError::List {
        what: "links",
        source,
    };
    let link = host.link(name).map_err(failed)?;
    let Some(link) = link.filter(|link| link.mark == Mark::Foreign) else {
        return Ok(None);
    };
    check_kind(&link, name)?;
    let addresses = host.addresses_of(link.index).map_err(failed)?;
    let beyond_the_link = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => !ip.is_link_local(),
        IpAddr::V6(ip) => !ip.is_unicast_link_local(),
    };
    let addresses = addresses.into_iter();
    Ok(Some(ForeignBridge {
        addresses: addresses.filter(|it| beyond_the_link(it.ip())).collect(),
        mtu: Mtu::try_from(link.mtu.min(u16::MAX.into()))
            .map_err(|_| KernelError::NoBridge { name: name.clone() })?,
    }))
}

/// A bridge of somebody else is there, and has these addresses as well.
pub(crate) fn adopt(
    host: &mut Rtnetlink,
    resource: &Resource,
    bridge: &Adopted,
) -> Result<(), KernelError> {
    let failed = |source| refused(resource, source);
    let link = host.link(&bridge.name).map_err(failed)?;
    let link = link.ok_or_else(|| KernelError::NoLink {
        place: resource.place,
        name: bridge.name.clone(),
    })?;
    check_kind(&link, &bridge.name)?;
    for &cidr in &bridge.addresses {
        match host.request(request::make_address(link.index, cidr)) {
            Err(refusal) if refusal.errno() != libc::EEXIST => return Err(failed(refusal)),
            _ => {}
        }
    }
    Ok(())
}

/// An adopted bridge has rnet's addresses no more, and stays.
pub(crate) fn abandon(host: &mut Rtnetlink, bridge: &Adopted) -> Result<(), Refusal> {
    let Some(link) = host.index(&bridge.name)? else {
        return Ok(());
    };
    let removals = bridge.addresses.iter().map(|&cidr| {
        let removed = host.request(request::delete_address(link, cidr));
        unless_absent(removed)
    });
    // every one is tried
    let outcomes: Vec<_> = removals.collect();
    outcomes.into_iter().collect()
}

/// Both ends of a pair are up ports of their bridges.
pub(crate) fn connect(
    host: &mut Rtnetlink,
    resource: &Resource,
    patch: &Patch,
) -> Result<(), KernelError> {
    let failed = |source| refused(resource, source);
    for PatchEnd {
        name,
        bridge,
        isolated,
    } in [&patch.near, &patch.far]
    {
        let bridge = index(host, resource, bridge)?;
        let end = index(host, resource, name)?;
        host.request(request::set_port(end, patch.mtu, bridge))
            .map_err(failed)?;
        host.request(request::isolate(end, *isolated))
            .map_err(failed)?;
    }
    Ok(())
}

fn check_kind(link: &Link, name: &IfName) -> Result<(), KernelError> {
    match link.kind {
        Some(InfoKind::Bridge) => Ok(()),
        _ => Err(KernelError::NoBridge { name: name.clone() }),
    }
}
