//! Making resources exist.

use std::os::fd::AsFd;
use std::path::{Component, Path};
use std::{fs, io};

use netlink_packet_route::link::InfoKind;
use rnet_model::{Bridge, IfName, Intake, Object, Patch, Place, Resource, Veth, VethPeer};

use crate::error::KernelError;
use crate::mark::Mark;
use crate::netlink::Netlink;
use crate::outcome::{index, refused};
use crate::rtnl::{Link, Rtnetlink, request, traffic};
use crate::traveller::Traveller;
use crate::{batch, borrow, join, shape};

/// A name can be held by a link that is being deleted, and by a pair that is another than the wanted one.
const TRIES: usize = 3;

/// Makes resources exist, in the order they are given.
pub(crate) struct Builder<'a, 'b> {
    kernel: &'a Netlink,
    traveller: &'a mut Traveller<'b>,
}

/// What became of a link that holds the wanted name.
enum Holder {
    /// It is the wanted one, brought to the wanted state.
    Adopted,
    /// It is gone, or on its way out.
    Doomed,
}

impl<'a, 'b> Builder<'a, 'b> {
    pub(crate) const fn new(kernel: &'a Netlink, traveller: &'a mut Traveller<'b>) -> Self {
        Self { kernel, traveller }
    }

    /// Stops at the first failure.
    pub(crate) fn ensure_all(&mut self, resources: &[Resource]) -> Result<(), KernelError> {
        for group in resources.chunk_by(batch::shared) {
            let resource = &group[0];
            match &resource.object {
                Object::Namespace(sandbox) => self.traveller.found(*sandbox)?,
                Object::GuestNamespace { sandbox, path } => self.traveller.visit(*sandbox, path)?,
                Object::Bridge(bridge) => self.ensure_bridge(resource, bridge)?,
                Object::Adopted(bridge) => join::adopt(&mut self.kernel.host(), resource, bridge)?,
                Object::Patch(patch) => self.ensure_patch(resource, patch)?,
                Object::Borrowed(link) => {
                    borrow::take(self.kernel, self.traveller, resource, link)?;
                }
                Object::Told(_) => {}
                Object::Veth(veth) => self.ensure_veth(resource, veth)?,
                Object::Shaper(shaper) => {
                    shape::shape(&mut self.kernel.host(), resource, shaper)?;
                }
                Object::Intake(intake) => self.ensure_intake(resource, intake)?,
                Object::Sysctl { key, value } => self.set_sysctl(resource.place, key, value)?,
                Object::LeastSysctl { key, least } => {
                    self.raise_sysctl(resource.place, key, *least)?;
                }
                Object::Up(_) | Object::Address { .. } | Object::Route { .. } => {
                    self.ensure_batch(resource.place, group)?;
                }
            }
        }
        Ok(())
    }

    fn ensure_bridge(&mut self, resource: &Resource, bridge: &Bridge) -> Result<(), KernelError> {
        let make = |this: &mut Self| {
            let made = this.kernel.host().request(request::make_bridge(bridge));
            made.map_err(|source| refused(resource, source))
        };
        let adopt = |this: &mut Self| {
            let mut host = this.kernel.host();
            let Some(link) = holder(&mut host, resource, &bridge.name, &InfoKind::Bridge)? else {
                return Ok(Holder::Doomed);
            };
            let set = host.request(request::set_bridge(link.index, bridge));
            set.map_err(|source| refused(resource, source))?;
            Ok(Holder::Adopted)
        };
        self.ensure_link(make, adopt)
    }

    fn ensure_veth(&mut self, resource: &Resource, veth: &Veth) -> Result<(), KernelError> {
        self.ensure_link(
            |this| this.make_veth(resource, veth),
            |this| this.adopt_veth(resource, veth),
        )
    }

    fn ensure_patch(&mut self, resource: &Resource, patch: &Patch) -> Result<(), KernelError> {
        self.ensure_link(
            |this| {
                let made = this.kernel.host().request(request::make_patch(patch));
                made.map_err(|source| refused(resource, source))
            },
            |this| {
                let mut host = this.kernel.host();
                let near = holder(&mut host, resource, &patch.near.name, &InfoKind::Veth)?;
                let far = holder(&mut host, resource, &patch.far.name, &InfoKind::Veth)?;
                match (near, far) {
                    (Some(near), Some(far)) if near.is_paired_with(&far) => Ok(Holder::Adopted),
                    // an end that lost its other
                    (Some(lonely), _) | (_, Some(lonely)) => {
                        let doomed = host.request(request::doom(lonely.index));
                        doomed.map_err(|source| refused(resource, source))?;
                        Ok(Holder::Doomed)
                    }
                    (None, None) => Ok(Holder::Doomed),
                }
            },
        )?;
        join::connect(&mut self.kernel.host(), resource, patch)
    }

    fn ensure_intake(&mut self, resource: &Resource, intake: &Intake) -> Result<(), KernelError> {
        self.ensure_link(
            |this| {
                let made = this.kernel.host().request(traffic::make_intake(intake));
                made.map_err(|source| refused(resource, source))
            },
            |this| {
                let mut host = this.kernel.host();
                let link = holder(&mut host, resource, &intake.name, &InfoKind::Ifb)?;
                Ok(link.map_or(Holder::Doomed, |_| Holder::Adopted))
            },
        )?;
        shape::take_in(&mut self.kernel.host(), resource, intake)
    }

    /// Makes a link or adopts the one that has its name, which is waited for where it is on its way out.
    fn ensure_link(
        &mut self,
        make: impl Fn(&mut Self) -> Result<(), KernelError>,
        adopt: impl Fn(&mut Self) -> Result<Holder, KernelError>,
    ) -> Result<(), KernelError> {
        for _ in 1..TRIES {
            match make(self) {
                Err(KernelError::Ensure { source, .. }) if source.errno() == libc::EEXIST => {}
                outcome => return outcome,
            }
            match adopt(self)? {
                Holder::Adopted => return Ok(()),
                Holder::Doomed => self.kernel.reaper.wait(),
            }
        }
        make(self)
    }

    fn make_veth(&mut self, resource: &Resource, veth: &Veth) -> Result<(), KernelError> {
        let failed = |source| refused(resource, source);
        let inside = veth.peer.sandbox;
        let sandbox = inside.map(|id| self.traveller.enter(id)).transpose()?;
        let namespace = sandbox.as_ref().map(|it| it.namespace.as_fd());
        let mut host = self.kernel.host();
        let bridge = index(&host, resource, &veth.bridge)?;
        let make = request::make_veth(veth, bridge, namespace);
        host.request(make).map_err(failed)?;
        let port = index(&host, resource, &veth.name)?;
        let mut settings = vec![request::without_own_address(port)];
        let special = veth.isolated || veth.hairpin;
        settings.extend(special.then(|| request::set_port_flags(port, veth)));
        let refused = host.send(settings).map_err(failed)?;
        // a kernel without IPv6 has no addresses to do without
        let mut refusals = refused.into_iter().map(|it| it.refusal);
        match refusals.find(|it| it.errno() != libc::EAFNOSUPPORT) {
            Some(refusal) => Err(failed(refusal)),
            None => Ok(()),
        }
    }

    fn adopt_veth(&mut self, resource: &Resource, veth: &Veth) -> Result<Holder, KernelError> {
        let failed = |source| refused(resource, source);
        let VethPeer { sandbox, name, .. } = &veth.peer;
        let Some(id) = sandbox else {
            return self.adopt_offered(resource, veth);
        };
        let sandbox = self.traveller.enter(*id)?;
        let mut host = self.kernel.host();
        let link = holder(&mut host, resource, &veth.name, &InfoKind::Veth)?;
        let peer = sandbox.rtnetlink.link(name).map_err(failed)?;
        match (link, peer) {
            (Some(link), Some(peer)) if link.is_paired_with(&peer) => {
                let bridge = index(&host, resource, &veth.bridge)?;
                host.request(request::set_port(link.index, veth.mtu, bridge))
                    .map_err(failed)?;
                host.request(request::set_port_flags(link.index, veth))
                    .map_err(failed)?;
                let set_peer = request::set_peer(peer.index, veth);
                sandbox.rtnetlink.request(set_peer).map_err(failed)?;
                Ok(Holder::Adopted)
            }
            // its other end is in another sandbox, or has another name
            (Some(link), _) => {
                host.request(request::doom(link.index)).map_err(failed)?;
                Ok(Holder::Doomed)
            }
            (None, Some(peer)) if peer.mark == Mark::Foreign => Err(KernelError::NameTaken {
                sandbox: *id,
                name: name.clone(),
            }),
            // the other end of a pair that was removed just now
            (None, _) => Ok(Holder::Doomed),
        }
    }

    /// A pair whose far end may be anywhere by now: where the near one is there, so is that.
    fn adopt_offered(&self, resource: &Resource, veth: &Veth) -> Result<Holder, KernelError> {
        let failed = |source| refused(resource, source);
        let mut host = self.kernel.host();
        let Some(link) = holder(&mut host, resource, &veth.name, &InfoKind::Veth)? else {
            // or it is the name of the far end that is taken
            holder(&mut host, resource, &veth.peer.name, &InfoKind::Veth)?;
            return Ok(Holder::Doomed);
        };
        let bridge = index(&host, resource, &veth.bridge)?;
        for set in [
            request::set_port(link.index, veth.mtu, bridge),
            request::set_port_flags(link.index, veth),
        ] {
            host.request(set).map_err(failed)?;
        }
        Ok(Holder::Adopted)
    }

    fn ensure_batch(&mut self, place: Place, group: &[Resource]) -> Result<(), KernelError> {
        match place {
            Place::Host => batch::ensure(&mut self.kernel.host(), group),
            Place::Sandbox(id) => batch::ensure(&mut self.traveller.enter(id)?.rtnetlink, group),
        }
    }

    fn raise_sysctl(&mut self, place: Place, key: &str, least: u64) -> Result<(), KernelError> {
        self.traveller.go(place)?;
        let path = Path::new("/proc/sys").join(key);
        let present = fs::read_to_string(path).ok();
        let present = present.and_then(|text| text.trim_end().parse::<u64>().ok());
        match present {
            Some(value) if value < least => self.set_sysctl(place, key, &least.to_string()),
            _ => Ok(()),
        }
    }

    /// The variables of /proc/sys/net are those of the thread that looks them up (net/sysctl_net.c).
    fn set_sysctl(&mut self, place: Place, key: &str, value: &str) -> Result<(), KernelError> {
        self.traveller.go(place)?;
        write_sysctl(Path::new(key), value).map_err(|source| KernelError::SetSysctl {
            place,
            key: key.to_owned(),
            value: value.to_owned(),
            source,
        })
    }
}

/// The link that holds a name; none if it is on its way out or gone, an error if it is not rnet's or of another kind.
fn holder(
    host: &mut Rtnetlink,
    resource: &Resource,
    name: &IfName,
    kind: &InfoKind,
) -> Result<Option<Link>, KernelError> {
    let link = host
        .link(name)
        .map_err(|source| refused(resource, source))?;
    match link {
        Some(link) if link.mark == Mark::Own && link.kind.as_ref() == Some(kind) => Ok(Some(link)),
        Some(link) if link.mark != Mark::Doomed => Err(KernelError::Foreign { name: name.clone() }),
        _ => Ok(None),
    }
}

/// Where /proc/sys is read-only, as in a container, a value that is there already is as good as one that was written.
fn write_sysctl(key: &Path, value: &str) -> io::Result<()> {
    if !key
        .components()
        .all(|part| matches!(part, Component::Normal(_)))
    {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let path = Path::new("/proc/sys").join(key);
    fs::write(&path, value).or_else(|error| match fs::read_to_string(&path) {
        Ok(present) if present.trim_end() == value => Ok(()),
        _ => Err(error),
    })
}
