//! Free space between what is held: the one search that finds both subnets and addresses.

use std::collections::BTreeSet;
use std::net::IpAddr;

use rnet_model::Cidr;

use crate::family::{Family, number};

/// Addresses of one family from the first to the last, both included, as numbers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Span {
    first: u128,
    last: u128,
}

impl From<Cidr> for Span {
    fn from(cidr: Cidr) -> Self {
        Self {
            first: number(cidr.network()),
            last: number(cidr.broadcast()),
        }
    }
}

impl From<IpAddr> for Span {
    fn from(address: IpAddr) -> Self {
        let number = number(address);
        Self {
            first: number,
            last: number,
        }
    }
}

/// Whether two subnets share an address.
pub(crate) fn overlap(one: Cidr, other: Cidr) -> bool {
    one.contains(other.network()) || other.contains(one.network())
}

/// The lowest subnet of `prefix` bits in `within` that overlaps none of `held`, which may be in any order.
///
/// None if `within` is smaller than that, or full. Takes O(n log n) for n held subnets, however
/// many subnets `within` has.
pub(crate) fn lowest_subnet(within: Cidr, prefix: u8, held: &[Cidr]) -> Option<Cidr> {
    let family = Family::of_subnet(within);
    let block = 1_u128.checked_shl((family.bits().checked_sub(prefix)?).into())?;
    let mut spans: Vec<Span> = held
        .iter()
        .filter(|cidr| Family::of_subnet(**cidr) == family)
        .map(|&cidr| cidr.into())
        .collect();
    spans.sort_unstable();
    let first = lowest_block(within.into(), block, spans)?;
    Cidr::new(family.address(first), prefix).ok()
}

/// The lowest address of `within` that is in neither set.
///
/// Takes O(k) for the k addresses in the sets up to the answer; the size of `within` does not matter.
pub(crate) fn lowest_address(
    within: Cidr,
    reserved: &BTreeSet<IpAddr>,
    taken: &BTreeSet<IpAddr>,
) -> Option<IpAddr> {
    let family = Family::of_subnet(within);
    let busy = reserved
        .union(taken)
        .filter(|address| Family::of(**address) == family)
        .map(|&address| address.into());
    lowest_block(within.into(), 1, busy).map(|number| family.address(number))
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

/// The first number of the lowest aligned block in `within` that meets none of `busy`, sorted by where they begin.
///
/// One walk over `busy`, which ends at the first gap that is wide enough. `within` begins at a multiple of `block`.
fn lowest_block(within: Span, block: u128, busy: impl IntoIterator<Item = Span>) -> Option<u128> {
    let mut first = within.first;
    for span in busy {
        if span.first > first.checked_add(block - 1)? {
            break;
        }
        if span.last >= first {
            first = span.last.checked_add(1)?.checked_next_multiple_of(block)?;
        }
    }
    (first.checked_add(block - 1)? <= within.last).then_some(first)
}
