//! What exists in a fake kernel, and what needs what.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use rnet_model::{
    Adopted, Bridge, ForeignBridge, IfName, Object, Patch, Place, Resource, SandboxId, Shaper, Veth,
};

use crate::error::KernelError;
use crate::rtnl::Refusal;

#[derive(Debug, Default)]
pub(super) struct World {
    /// In the order they were made.
    pub(super) resources: Vec<Resource>,
    pub(super) sysctls: BTreeMap<(Place, String), String>,
    /// Links of others on the host.
    pub(super) foreign: BTreeSet<IfName>,
    /// Bridges of others on the host.
    pub(super) foreign_bridges: BTreeMap<IfName, ForeignBridge>,
}

impl World {
    pub(super) fn ensure(&mut self, resource: &Resource) -> Result<(), KernelError> {
        let Resource { place, object } = resource;
        if let Place::Sandbox(sandbox) = *place {
            self.need_namespace(sandbox)?;
        }
        match object {
            Object::Namespace(_) | Object::GuestNamespace { .. } => {}
            Object::Bridge(bridge) => self.need_name(&bridge.name)?,
            Object::Adopted(bridge) => self.need_link(*place, &bridge.name)?,
            Object::Patch(patch) => {
                for end in [&patch.near, &patch.far] {
                    self.need_name(&end.name)?;
                    self.need_link(*place, &end.bridge)?;
                }
            }
            Object::Veth(veth) => self.need_room_for(veth)?,
            Object::Shaper(shaper) => self.need_link(*place, &shaper.link)?,
            Object::Intake(intake) => {
                self.need_name(&intake.name)?;
                self.need_link(*place, &intake.link)?;
            }
            Object::Borrowed(link) => {
                self.need_namespace(link.sandbox)?;
                self.need_foreign(&link.name)?;
            }
            Object::Told(_) => return Ok(()),
            Object::Up(link) | Object::Address { link, .. } => self.need_link(*place, link)?,
            Object::Route { gateway, link, .. } => {
                self.need_link(*place, link)?;
                self.need_way(resource, link, *gateway)?;
            }
            Object::Sysctl { key, value } => {
                self.need_link_of_sysctl(*place, key)?;
                self.sysctls.insert((*place, key.clone()), value.clone());
                return Ok(());
            }
            Object::LeastSysctl { .. } => return Ok(()),
        }
        match self.resources.iter_mut().find(|it| is_same(it, resource)) {
            Some(existing) => *existing = resource.clone(),
            None => self.resources.push(resource.clone()),
        }
        Ok(())
    }

    pub(super) fn remove(&mut self, resource: &Resource) {
        match &resource.object {
            Object::Namespace(sandbox) | Object::GuestNamespace { sandbox, .. } => {
                self.remove_namespace(*sandbox);
            }
            Object::Bridge(bridge) => self.remove_link(&bridge.name),
            Object::Veth(veth) => self.remove_link(&veth.name),
            Object::Patch(patch) => self.remove_link(&patch.near.name),
            Object::Intake(intake) => self.remove_link(&intake.name),
            Object::Borrowed(link) => {
                let place = Place::Sandbox(link.sandbox);
                self.resources
                    .retain(|it| it != resource && !(it.place == place && is_on(it, &link.ifname)));
            }
            _ => self.resources.retain(|it| it != resource),
        }
    }

    /// Whether a sandbox has a namespace.
    pub(super) fn need_namespace(&self, sandbox: SandboxId) -> Result<(), KernelError> {
        let is_it = |it: &Resource| namespace(it) == Some(sandbox);
        match self.resources.iter().any(is_it) {
            true => Ok(()),
            false => Err(KernelError::NoSandbox { sandbox }),
        }
    }

    /// A namespace goes with all that is in it, and both ends of its pairs.
    pub(super) fn remove_namespace(&mut self, sandbox: SandboxId) {
        let inside = |it: &Resource| match &it.object {
            Object::Veth(veth) => veth.peer.sandbox == Some(sandbox),
            Object::Borrowed(link) => link.sandbox == sandbox,
            _ => namespace(it) == Some(sandbox) || it.place == Place::Sandbox(sandbox),
        };
        self.resources.retain(|it| !inside(it));
    }

    /// A link of the host goes with its other end, and all that is on either.
    pub(super) fn remove_link(&mut self, name: &IfName) {
        let mut gone = vec![(Place::Host, name.clone())];
        gone.extend(
            self.veths()
                .filter(|veth| veth.name == *name)
                .map(|veth| (veth.peer.place(), veth.peer.name.clone())),
        );
        let goes = |it: &Resource| match &it.object {
            Object::Bridge(bridge) => bridge.name == *name,
            Object::Veth(veth) => veth.name == *name,
            Object::Patch(Patch { near, far, .. }) => {
                [near, far].iter().any(|end| end.name == *name)
            }
            Object::Intake(intake) => intake.name == *name,
            Object::Shaper(Shaper { link, .. })
            | Object::Up(link)
            | Object::Address { link, .. }
            | Object::Route { link, .. } => gone
                .iter()
                .any(|(place, name)| *place == it.place && name == link),
            Object::Namespace(_)
            | Object::GuestNamespace { .. }
            | Object::Adopted(_)
            | Object::Borrowed(_)
            | Object::Told(_)
            | Object::Sysctl { .. }
            | Object::LeastSysctl { .. } => false,
        };
        self.resources.retain(|it| !goes(it));
    }

    fn veths(&self) -> impl Iterator<Item = &Veth> {
        self.resources.iter().filter_map(|it| match &it.object {
            Object::Veth(veth) => Some(veth),
            _ => None,
        })
    }

    fn need_foreign(&self, name: &IfName) -> Result<(), KernelError> {
        match self.foreign.contains(name) {
            true => Ok(()),
            false => Err(KernelError::NoLink {
                place: Place::Host,
                name: name.clone(),
            }),
        }
    }

    fn need_name(&self, name: &IfName) -> Result<(), KernelError> {
        if self.foreign.contains(name) || self.foreign_bridges.contains_key(name) {
            return Err(KernelError::Foreign { name: name.clone() });
        }
        Ok(())
    }

    pub(super) fn foreign_bridge(
        &self,
        name: &IfName,
    ) -> Result<Option<ForeignBridge>, KernelError> {
        if self.foreign.contains(name) {
            return Err(KernelError::NoBridge { name: name.clone() });
        }
        Ok(self.foreign_bridges.get(name).cloned())
    }

    fn need_room_for(&self, veth: &Veth) -> Result<(), KernelError> {
        let mut inside = veth.peer.sandbox.into_iter();
        inside.try_for_each(|sandbox| self.need_namespace(sandbox))?;
        self.need_link(Place::Host, &veth.bridge)?;
        self.need_name(&veth.name)?;
        let taken = |other: &Veth| {
            other.name != veth.name
                && (other.peer.sandbox, &other.peer.name) == (veth.peer.sandbox, &veth.peer.name)
        };
        match veth.peer.sandbox.filter(|_| self.veths().any(taken)) {
            Some(sandbox) => Err(KernelError::NameTaken {
                sandbox,
                name: veth.peer.name.clone(),
            }),
            None => Ok(()),
        }
    }

    fn need_link(&self, place: Place, link: &IfName) -> Result<(), KernelError> {
        let is_it = |it: &Resource| match &it.object {
            Object::Bridge(Bridge { name, .. }) | Object::Adopted(Adopted { name, .. }) => {
                place == Place::Host && name == link
            }
            Object::Veth(veth) => {
                place == Place::Host && veth.name == *link
                    || place == veth.peer.place() && veth.peer.name == *link
            }
            Object::Borrowed(borrowed) => {
                place == Place::Sandbox(borrowed.sandbox) && borrowed.ifname == *link
            }
            _ => false,
        };
        let foreign = place == Place::Host && self.foreign_bridges.contains_key(link);
        if link.as_str() == "lo" || foreign || self.resources.iter().any(is_it) {
            return Ok(());
        }
        Err(KernelError::NoLink {
            place,
            name: link.clone(),
        })
    }

    /// A route needs its link up, and its gateway in a subnet of that link.
    fn need_way(
        &self,
        route: &Resource,
        link: &IfName,
        gateway: Option<IpAddr>,
    ) -> Result<(), KernelError> {
        let refused = |errno| {
            Err(KernelError::Ensure {
                resource: Box::new(route.clone()),
                source: Refusal::new(errno),
            })
        };
        let here = || self.resources.iter().filter(|it| it.place == route.place);
        let is_up = |it: &Resource| matches!(&it.object, Object::Up(up) if up == link);
        if route.place != Place::Host && !here().any(is_up) {
            return refused(libc::ENETDOWN);
        }
        let leads_to = |gateway: IpAddr| {
            here().any(|it| {
                matches!(&it.object, Object::Address { link: on, cidr } if on == link && cidr.contains(gateway))
            })
        };
        match gateway {
            Some(gateway) if !leads_to(gateway) => refused(libc::ENETUNREACH),
            _ => Ok(()),
        }
    }

    /// `net/ipv4/conf/LINK/…` and `net/ipv6/conf/LINK/…` come and go with their link.
    fn need_link_of_sysctl(&self, place: Place, key: &str) -> Result<(), KernelError> {
        let mut parts = key.split('/').skip_while(|part| *part != "conf").skip(1);
        match parts.next().map(str::parse) {
            // `all` and `default` are no names of links
            Some(Ok(link)) => self.need_link(place, &link),
            _ => Ok(()),
        }
    }
}

/// Whether one takes the place of the other.
fn is_same(one: &Resource, other: &Resource) -> bool {
    let same = match (&one.object, &other.object) {
        (Object::Bridge(one), Object::Bridge(other)) => one.name == other.name,
        (Object::Veth(one), Object::Veth(other)) => one.name == other.name,
        (Object::Adopted(one), Object::Adopted(other)) => one.name == other.name,
        (Object::Shaper(one), Object::Shaper(other)) => one.link == other.link,
        (Object::Intake(one), Object::Intake(other)) => one.name == other.name,
        (Object::Patch(one), Object::Patch(other)) => one.near.name == other.near.name,
        (
            Object::Route {
                destination: one, ..
            },
            Object::Route {
                destination: other, ..
            },
        ) => (one.network(), one.prefix()) == (other.network(), other.prefix()),
        (one, other) => one == other,
    };
    same && one.place == other.place
}

/// Whether it is on a link of its place.
fn is_on(resource: &Resource, name: &IfName) -> bool {
    match &resource.object {
        Object::Up(link) | Object::Address { link, .. } | Object::Route { link, .. } => {
            link == name
        }
        _ => false,
    }
}

/// The sandbox whose namespace it is.
fn namespace(resource: &Resource) -> Option<SandboxId> {
    match resource.object {
        Object::Namespace(sandbox) | Object::GuestNamespace { sandbox, .. } => Some(sandbox),
        _ => None,
    }
}
