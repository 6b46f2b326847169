//! What takes no more than a message, and so travels together: links up, addresses, routes.

use std::net::IpAddr;

use netlink_packet_route::AddressFamily;
use rnet_model::{Cidr, IfName, Object, Place, Resource};

use crate::error::KernelError;
use crate::mark::Mark;
use crate::outcome::{index, refused, unless_absent};
use crate::rtnl::{Refusal, Refused, Request, Rtnetlink, request};

/// A resource that takes one message.
struct Step<'a> {
    resource: &'a Resource,
    link: &'a IfName,
    part: Part,
}

/// What a link is given.
#[derive(Clone, Copy)]
enum Part {
    Up,
    Address(Cidr),
    Route(Cidr, Option<IpAddr>),
}

/// Whether two resources that follow each other go into one batch.
pub(crate) fn shared(one: &Resource, next: &Resource) -> bool {
    one.place == next.place && Step::of(one).is_some() && Step::of(next).is_some()
}

/// Makes such resources of one place exist, in one datagram; tells the first one that was refused.
pub(crate) fn ensure(rtnetlink: &mut Rtnetlink, group: &[Resource]) -> Result<(), KernelError> {
    let steps: Vec<Step<'_>> = group.iter().filter_map(Step::of).collect();
    let requests = steps
        .iter()
        .map(|step| step.request(rtnetlink))
        .collect::<Result<_, _>>()?;
    let answers = rtnetlink
        .send(requests)
        .map_err(|source| refused(&group[0], source))?;
    for Refused { position, refusal } in answers {
        let step = &steps[position];
        match step.part {
            Part::Address(_) if refusal.errno() == libc::EEXIST => {}
            Part::Route(to, gateway) if refusal.errno() == libc::EEXIST => {
                step.replace_route(rtnetlink, to, gateway)?;
            }
            _ => return Err(refused(step.resource, refusal)),
        }
    }
    Ok(())
}

/// Removes such a resource; what is absent, or not rnet's, needs no removing.
pub(crate) fn remove(rtnetlink: &mut Rtnetlink, resource: &Resource) -> Result<(), Refusal> {
    let Some(step) = Step::of(resource) else {
        return Ok(());
    };
    let Some(link) = rtnetlink.index(step.link)? else {
        return Ok(());
    };
    if step.is_foreign(rtnetlink)? {
        return Ok(());
    }
    let removed = rtnetlink.request(match step.part {
        Part::Up => request::set_up(link, false),
        Part::Address(cidr) => request::delete_address(link, cidr),
        Part::Route(to, gateway) => request::delete_route(to, gateway, link),
    });
    unless_absent(removed)
}

impl<'a> Step<'a> {
    fn of(resource: &'a Resource) -> Option<Self> {
        let (link, part) = match &resource.object {
            Object::Up(link) => (link, Part::Up),
            Object::Address { link, cidr } => (link, Part::Address(*cidr)),
            Object::Route {
                destination,
                gateway,
                link,
            } => (link, Part::Route(*destination, *gateway)),
            _ => return None,
        };
        Some(Self {
            resource,
            link,
            part,
        })
    }

    fn request(&self, rtnetlink: &mut Rtnetlink) -> Result<Request, KernelError> {
        let link = index(rtnetlink, self.resource, self.link)?;
        if self
            .is_foreign(rtnetlink)
            .map_err(|source| refused(self.resource, source))?
        {
            return Err(KernelError::Foreign {
                name: self.link.clone(),
            });
        }
        Ok(match (self.part, self.resource.place) {
            (Part::Up, _) => request::set_up(link, true),
            (Part::Address(cidr), _) => request::make_address(link, cidr),
            (Part::Route(to, gateway), Place::Host) => request::make_route(to, gateway, link),
            (Part::Route(to, gateway), Place::Sandbox(_)) => {
                request::replace_route(to, gateway, link)
            }
        })
    }

    /// Whether the link is not rnet's to change. A route carries a mark itself, and a sandbox is rnet's as a whole.
    fn is_foreign(&self, rtnetlink: &mut Rtnetlink) -> Result<bool, Refusal> {
        if self.resource.place != Place::Host || matches!(self.part, Part::Route(..)) {
            return Ok(false);
        }
        Ok(rtnetlink
            .link(self.link)?
            .is_some_and(|link| link.mark == Mark::Foreign))
    }

    /// The route to the destination becomes this one, if it is rnet's.
    fn replace_route(
        &self,
        rtnetlink: &mut Rtnetlink,
        to: Cidr,
        gateway: Option<IpAddr>,
    ) -> Result<(), KernelError> {
        let failed = |source| refused(self.resource, source);
        let family = if to.is_ipv4() {
            AddressFamily::Inet
        } else {
            AddressFamily::Inet6
        };
        let routes = rtnetlink.routes(family).map_err(failed)?;
        let leads_there = |destination: Cidr| {
            (destination.network(), destination.prefix()) == (to.network(), to.prefix())
        };
        if !routes
            .iter()
            .any(|route| route.is_own && leads_there(route.destination))
        {
            return Err(KernelError::ForeignRoute { destination: to });
        }
        let link = index(rtnetlink, self.resource, self.link)?;
        rtnetlink
            .request(request::replace_route(to, gateway, link))
            .map_err(failed)
    }
}
