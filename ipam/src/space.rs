//! Sets of addresses as spans, and the one search for free room that finds both subnets and addresses.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use rnet_model::Cidr;

use crate::family::{Family, number};

/// A set of addresses of both families, kept as the fewest spans: a thousand subnets in a row are one.
///
/// So looking for room costs O(log n) a gap that is too small, however much is in the set.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Space {
    v4: Spans,
    v6: Spans,
}

/// Spans that do not touch, by their first number; each with its last, which is in it.
type Spans = BTreeMap<u128, u128>;

impl Space {
    /// The destinations of a host's routes, as far as they rule a subnet out.
    ///
    /// Default routes, and the halves of one that VPNs put before it (`0.0.0.0/1`), lead everywhere and so rule out
    /// nothing.
    pub fn of_routes(routes: impl IntoIterator<Item = Cidr>) -> Self {
        let mut space = Self::default();
        space.add_routes(routes);
        space
    }

    /// Puts more of them in.
    pub fn add_routes(&mut self, routes: impl IntoIterator<Item = Cidr>) {
        let somewhere = |route: &Cidr| route.prefix() > 1;
        self.extend(routes.into_iter().filter(somewhere));
    }

    /// Puts a subnet or an address in.
    pub fn insert(&mut self, range: impl Into<Cidr>) {
        let range = range.into();
        let spans = self.spans_mut(range);
        let (mut first, mut last) = ends_of(range);
        let touching = |spans: &Spans, first: u128, last: u128| {
            let (&from, &to) = spans.range(..=last.saturating_add(1)).next_back()?;
            (to >= first.saturating_sub(1)).then_some((from, to))
        };
        while let Some((from, to)) = touching(spans, first, last) {
            spans.remove(&from);
            (first, last) = (first.min(from), last.max(to));
        }
        spans.insert(first, last);
    }

    /// Takes a subnet or an address out, whoever put it in.
    pub fn remove(&mut self, range: impl Into<Cidr>) {
        let range = range.into();
        let spans = self.spans_mut(range);
        let (first, last) = ends_of(range);
        while let Some((from, to)) = meeting(spans, first, last) {
            spans.remove(&from);
            if to > last {
                spans.insert(last + 1, to);
            }
            if from < first {
                spans.insert(from, first - 1);
            }
        }
    }

    /// Whether any address of `range` is in it.
    pub fn overlaps(&self, range: impl Into<Cidr>) -> bool {
        let range = range.into();
        let (first, last) = ends_of(range);
        meeting(self.spans(Family::of_subnet(range)), first, last).is_some()
    }

    /// How many spans it takes.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    fn spans(&self, family: Family) -> &Spans {
        match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        }
    }

    fn spans_mut(&mut self, range: Cidr) -> &mut Spans {
        match Family::of_subnet(range) {
            Family::V4 => &mut self.v4,
            Family::V6 => &mut self.v6,
        }
    }
}

impl<T: Into<Cidr>> Extend<T> for Space {
    fn extend<I: IntoIterator<Item = T>>(&mut self, ranges: I) {
        ranges.into_iter().for_each(|range| self.insert(range));
    }
}

impl<T: Into<Cidr>> FromIterator<T> for Space {
    fn from_iter<I: IntoIterator<Item = T>>(ranges: I) -> Self {
        let mut space = Self::default();
        space.extend(ranges);
        space
    }
}

/// Whether two subnets share an address.
pub(crate) fn overlap(one: Cidr, other: Cidr) -> bool {
    one.contains(other.network()) || other.contains(one.network())
}

/// The lowest subnet of `prefix` bits in `within` that meets none of `held`; none if `within` is smaller, or full.
pub(crate) fn lowest_subnet(within: Cidr, prefix: u8, held: &[&Space]) -> Option<Cidr> {
    let family = Family::of_subnet(within);
    let block = 1_u128.checked_shl((family.bits().checked_sub(prefix)?).into())?;
    let first = lowest_block(family, ends_of(within), block, held)?;
    Cidr::new(family.address(first), prefix).ok()
}

/// The lowest address from the first of a pair to its last that is in none of `held`.
pub(crate) fn lowest_address(within: (IpAddr, IpAddr), held: &[&Space]) -> Option<IpAddr> {
    let family = Family::of(within.0);
    let within = (number(within.0), number(within.1));
    lowest_block(family, within, 1, held).map(|number| family.address(number))
}

/// The ends of a subnet that no machine may have as its own: the network and broadcast addresses of IPv4, but for
/// links of two and single addresses (RFC 3021), and IPv6's subnet-router anycast (RFC 4291, 2.6.1; RFC 6164).
pub(crate) fn ends(subnet: Cidr) -> BTreeSet<IpAddr> {
    let family = Family::of_subnet(subnet);
    if subnet.prefix() + 1 >= family.bits() {
        return BTreeSet::new();
    }
    match family {
        Family::V4 => BTreeSet::from([subnet.network(), subnet.broadcast()]),
        Family::V6 => BTreeSet::from([subnet.network()]),
    }
}

/// The first number of the lowest aligned block in `within` that meets none of `held`.
///
/// `within` begins at a multiple of `block`. Each turn leaps over a whole span.
fn lowest_block(
    family: Family,
    within: (u128, u128),
    block: u128,
    held: &[&Space],
) -> Option<u128> {
    let mut first = within.0;
    loop {
        let last = first.checked_add(block - 1)?;
        if last > within.1 {
            return None;
        }
        let mut met = held
            .iter()
            .filter_map(|space| meeting(space.spans(family), first, last));
        match met.next() {
            Some((_, to)) => first = to.checked_add(1)?.checked_next_multiple_of(block)?,
            None => return Some(first),
        }
    }
}

/// The highest span that shares a number with those from `first` to `last`.
fn meeting(spans: &Spans, first: u128, last: u128) -> Option<(u128, u128)> {
    let (&from, &to) = spans.range(..=last).next_back()?;
    (to >= first).then_some((from, to))
}

fn ends_of(range: Cidr) -> (u128, u128) {
    (number(range.network()), number(range.broadcast()))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn space(ranges: &[&str]) -> Space {
        ranges
            .iter()
            .map(|it| it.parse::<Cidr>().unwrap())
            .collect()
    }

    #[test]
    fn what_touches_is_one_span() {
        let nth = |n: u32| Ipv4Addr::from_bits((172 << 24 | 18 << 16) + (n << 8));
        let row = (0..3000).map(|n| Cidr::new(nth(n).into(), 24).unwrap());
        assert_eq!(row.collect::<Space>().len(), 1);
        assert_eq!(space(&["10.0.1.0/24", "10.0.3.0/24"]).len(), 2);
        let filled = space(&["10.0.1.0/24", "10.0.3.0/24", "10.0.2.0/24", "fd00::/64"]);
        assert_eq!(filled, space(&["10.0.1.0/24", "10.0.2.0/23", "fd00::/64"]));
        assert_eq!(space(&["0.0.0.0/0", "10.0.0.0/8", "::/0"]).len(), 2);
    }

    #[test]
    fn what_is_taken_out_leaves_the_rest() {
        let mut space = space(&["10.0.0.0/22", "::/0"]);
        space.remove("10.0.1.0/24".parse::<Cidr>().unwrap());
        assert!(!space.overlaps("10.0.1.0/24".parse::<Cidr>().unwrap()));
        assert!(space.overlaps("10.0.0.255".parse::<IpAddr>().unwrap()));
        assert!(space.overlaps("10.0.2.0".parse::<IpAddr>().unwrap()));
        space.remove("0.0.0.0/0".parse::<Cidr>().unwrap());
        space.remove("::/0".parse::<Cidr>().unwrap());
        assert_eq!(space, Space::default());
    }
}
