//! The routes of a network namespace, and how they change by what the kernel tells of them.
//!
//! Of many IPv4 routes that go it does not tell: they leave without a word with their link or its last address, when it
//! goes down, and with their source address (net/ipv4/fib_frontend.c, `fib_disable_ip`, `fib_del_ifaddr`).

use std::collections::{BTreeMap, BTreeSet};

use imbl::OrdSet;
use netlink_packet_core::{NLM_F_REPLACE, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::link::LinkFlags;
use netlink_packet_route::route::RouteType;
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use rnet_model::Cidr;

use super::{Refusal, Route, Rtnetlink};

/// Routes by their destination, but for those that [`Route::takes`] no address.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    routes: BTreeMap<Key, Same>,
    destinations: OrdSet<Cidr>,
    /// Links that went down or lost an address, as far as was told yet.
    down: BTreeSet<u32>,
}

/// What tells routes apart, as far as it matters here: the destination, the table, the metric, the link, the kind.
type Key = (Cidr, u32, u32, Option<u32>, u8);

/// Routes that are the same as far as it matters here.
#[derive(Debug)]
struct Same {
    route: Route,
    /// How many there may be; at least one is there.
    count: usize,
}

impl Routes {
    /// All there are.
    pub(super) fn listed(host: &mut Rtnetlink) -> Result<Self, Refusal> {
        let mut routes = Self::default();
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            let listed = host.routes(family)?;
            listed.into_iter().for_each(|route| routes.add(route));
        }
        Ok(routes)
    }

    /// How many are told apart.
    pub(super) fn len(&self) -> usize {
        self.routes.len()
    }

    /// Where they lead.
    pub(crate) const fn destinations(&self) -> &OrdSet<Cidr> {
        &self.destinations
    }

    /// Those that share addresses with a subnet.
    pub(crate) fn over(&self, subnet: Cidr) -> impl Iterator<Item = &Route> {
        let around = (0..subnet.prefix()).filter_map(move |prefix| {
            let around = Cidr::new(subnet.network(), prefix).ok()?;
            Cidr::new(around.network(), prefix).ok()
        });
        let around = around.flat_map(|it| self.from(it).take_while(move |to| to.destination == it));
        let within = move |to: &&Route| subnet.contains(to.destination.network());
        around.chain(self.from(subnet).take_while(within))
    }

    /// What they are after a message; none if that does not say.
    pub(super) fn after(mut self, message: &[u8]) -> Option<Self> {
        let message = NetlinkMessage::deserialize(message).ok()?;
        let replaces = message.header.flags & NLM_F_REPLACE != 0;
        match message.payload {
            NetlinkPayload::InnerMessage(message @ RouteNetlinkMessage::NewRoute(_)) => {
                let route = Route::parse(message);
                let comes = |route: Route| (!replaces).then(|| self.add(route));
                route.map_or(Some(()), comes)?;
            }
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelRoute(gone)) => {
                let gone = Route::parse(RouteNetlinkMessage::NewRoute(gone));
                gone.map_or(Some(()), |gone| self.remove(&gone))?;
            }
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewLink(link)) => {
                if !link.header.flags.contains(LinkFlags::Up) {
                    self.down.insert(link.header.index);
                }
            }
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelLink(link)) => {
                self.remove_by(link.header.index);
            }
            _ => return None,
        }
        Some(self)
    }

    /// None if links went down that routes leave by: some of those routes are gone, and some may not be.
    pub(super) fn settled(mut self) -> Option<Self> {
        let down = std::mem::take(&mut self.down);
        let doubtful = |it: &Same| match it.route.link {
            Some(link) => down.contains(&link),
            None => it.route.kind == RouteType::Unicast && !down.is_empty(),
        };
        let settled = down.is_empty() || !self.routes.values().any(doubtful);
        settled.then_some(self)
    }

    /// Those that lead to this destination, then those behind it.
    fn from(&self, destination: Cidr) -> impl Iterator<Item = &Route> {
        let first = (destination, 0, 0, None, 0);
        self.routes.range(first..).map(|(_, same)| &same.route)
    }

    fn add(&mut self, route: Route) {
        if !route.takes() {
            return;
        }
        self.destinations.insert(route.destination);
        let same = self.routes.entry(key(&route));
        same.or_insert(Same { route, count: 0 }).count += 1;
    }

    /// None if it cannot be told which of several is gone.
    fn remove(&mut self, gone: &Route) -> Option<()> {
        if gone.kind == RouteType::Local {
            self.down.extend(gone.link);
            let address = Some(gone.destination.ip());
            let from_there = |it: &Same| it.route.source == address && it.route.link != gone.link;
            if self.routes.values().any(from_there) {
                return None;
            }
        }
        match self.routes.get(&key(gone)) {
            Some(same) if same.count == 1 => {
                self.routes.remove(&key(gone));
                self.forget(gone.destination);
                Some(())
            }
            None if !self.destinations.contains(&gone.destination) => Some(()),
            _ => None,
        }
    }

    /// Nothing leaves by a link that is gone.
    fn remove_by(&mut self, link: u32) {
        self.down.remove(&link);
        let mut gone = Vec::new();
        self.routes.retain(|_, it| {
            let stays = it.route.link != Some(link);
            gone.extend((!stays).then_some(it.route.destination));
            stays
        });
        gone.into_iter().for_each(|it| self.forget(it));
    }

    /// Unless another route leads there.
    fn forget(&mut self, destination: Cidr) {
        let leads_there = self.from(destination).next().map(|it| it.destination);
        if leads_there != Some(destination) {
            self.destinations.remove(&destination);
        }
    }
}

fn key(route: &Route) -> Key {
    let Route {
        destination,
        table,
        metric,
        link,
        ..
    } = *route;
    (destination, table, metric, link, route.kind.into())
}
