//! What `host-local` is told of addresses, as rnet's subnets.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use rnet_model::Cidr;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::unsupported;
use crate::cni::config::{Config, Dns, Range, Subnet};
use crate::cni::error::{CniError, Code};
use crate::resolv_conf::ResolvConf;

/// The keys of `host-local` (plugins/ipam/host-local).
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct Ipam {
    #[serde(rename = "type")]
    kind: String,
    /// One range in the form of old.
    subnet: Option<String>,
    range_start: Option<IpAddr>,
    range_end: Option<IpAddr>,
    gateway: Option<IpAddr>,
    ranges: Vec<Vec<Range>>,
    routes: Vec<Route>,
    /// `netd` has its own books.
    data_dir: Option<PathBuf>,
    resolv_conf: Option<PathBuf>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Route {
    dst: Cidr,
    #[serde(skip_serializing_if = "Option::is_none")]
    gw: Option<IpAddr>,
}

impl Ipam {
    /// Refuses other plugins of addresses, and what there is no place for on rnet's networks.
    pub(super) fn check(&self) -> Result<(), CniError> {
        if self.kind != "host-local" {
            let instead = "rnet hands out addresses itself, by \"host-local\"";
            return Err(unsupported("ipam", instead));
        }
        let own: Vec<_> = self.all().filter_map(|it| it.gateway).collect();
        let foreign = |route: &&Route| {
            let gateway = route.gw.is_none_or(|it| own.contains(&it));
            route.dst.prefix() != 0 || !gateway
        };
        match self.routes.iter().find(foreign) {
            Some(route) => Err(unsupported(
                "routes",
                &format!(
                    "a container has the default routes by its gateways, not one to {}",
                    route.dst
                ),
            )),
            None => Ok(()),
        }
    }

    pub(super) fn subnets(&self) -> Result<Vec<Subnet>, CniError> {
        self.all().map(|range| subnet_of(&range)).collect()
    }

    /// Whether containers are led out.
    pub(super) fn leads_out(&self) -> bool {
        !self.routes.is_empty()
    }

    /// What the file says that the container's resolv.conf is to be like.
    pub(super) fn dns(&self) -> Result<Option<Dns>, CniError> {
        let Some(path) = &self.resolv_conf else {
            return Ok(None);
        };
        let text = std::fs::read_to_string(path).map_err(|error| {
            let message = format!("cannot read resolvConf {}: {error}", path.display());
            CniError::new(Code::InvalidConfig, message)
        })?;
        let conf = ResolvConf::parse(&text);
        Ok(Some(Dns {
            servers: conf.nameservers,
            searches: conf.search,
            options: conf.options,
        }))
    }

    /// The routes as a result has them.
    pub(super) fn shown_routes(&self) -> Value {
        json!(self.routes)
    }

    /// Where leases are kept in files.
    pub(super) fn data_dir(&self) -> Option<&Path> {
        self.data_dir.as_deref()
    }

    fn all(&self) -> impl Iterator<Item = Range> {
        let old = self.subnet.as_ref().map(|subnet| Range {
            subnet: subnet.clone(),
            range_start: self.range_start,
            range_end: self.range_end,
            gateway: self.gateway,
        });
        old.into_iter().chain(self.ranges.iter().flatten().cloned())
    }
}

/// Addresses that follow each other, to lease from.
pub(super) struct Span {
    pub(super) subnet: Cidr,
    pub(super) gateway: IpAddr,
    first: u128,
    last: u128,
}

impl Span {
    pub(super) fn has(&self, wanted: IpAddr) -> bool {
        let number = bits(wanted);
        wanted.is_ipv4() == self.subnet.is_ipv4() && (self.first..=self.last).contains(&number)
    }

    pub(super) fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let v4 = self.subnet.is_ipv4();
        (self.first..=self.last).map(move |it| address(it, v4))
    }
}

/// The sets of ranges that each give an address.
pub(super) fn spans(ipam: &Ipam, config: &Config) -> Result<Vec<Vec<Span>>, CniError> {
    let old = ipam.all().take(usize::from(ipam.subnet.is_some()));
    let old = old.map(|range| vec![range]);
    let sets = old.chain(ipam.ranges.iter().cloned());
    let sets = sets.chain(config.runtime_config.ip_ranges.iter().cloned());
    sets.map(|set| set.iter().map(span).collect()).collect()
}

/// Without its first address, which is the gateway's unless another is, and the last of IPv4.
fn span(range: &Range) -> Result<Span, CniError> {
    let invalid = |message: String| CniError::new(Code::InvalidConfig, message);
    let subnet: Cidr = range
        .subnet
        .parse()
        .map_err(|error| invalid(format!("subnet {:?}: {error}", range.subnet)))?;
    let (first, last) = ends(subnet);
    let (first, last) = (first + 1, last - u128::from(subnet.is_ipv4()));
    let within = |given: Option<IpAddr>, or: u128| match given {
        Some(it) if !subnet.contains(it) => Err(invalid(format!("{it} is not in {subnet}"))),
        it => Ok(it.map_or(or, bits)),
    };
    Ok(Span {
        subnet,
        gateway: range
            .gateway
            .unwrap_or_else(|| address(first, subnet.is_ipv4())),
        first: within(range.range_start, first)?,
        last: within(range.range_end, last)?,
    })
}

/// A range as a subnet with the prefix that it is leased from.
///
/// A range may leave out the first and the last address of its prefix: neither is ever leased to a container where
/// they are the network's own or the gateway's, and podman writes ranges so.
pub(in crate::cni) fn subnet_of(range: &Range) -> Result<Subnet, CniError> {
    let invalid = |message: String| CniError::new(Code::InvalidConfig, message);
    let subnet: Cidr = range
        .subnet
        .parse()
        .map_err(|error| invalid(format!("subnet {:?}: {error}", range.subnet)))?;
    let ip_range = match (range.range_start, range.range_end) {
        (None, None) => None,
        (start, end) => {
            let (first, last) = ends(subnet);
            let (start, end) = (start.map_or(first, bits), end.map_or(last, bits));
            let prefix = prefix_of(subnet, start, end).ok_or_else(|| {
                unsupported(
                    "rangeStart",
                    &format!(
                        "{} is leased from a part that has a prefix, such as its upper half",
                        range.subnet
                    ),
                )
            })?;
            (prefix != subnet).then(|| prefix.to_string())
        }
    };
    let network = Cidr::new(subnet.network(), subnet.prefix()).unwrap_or(subnet);
    Ok(Subnet {
        subnet: network.to_string(),
        gateway: range.gateway.map(|it| it.to_string()),
        ip_range,
    })
}

/// The prefix within a subnet whose addresses are those, or those but for one at an end.
fn prefix_of(subnet: Cidr, start: u128, end: u128) -> Option<Cidr> {
    let width = if subnet.is_ipv4() { 32 } else { 128 };
    let prefixes = |least: u128| {
        (subnet.prefix()..=width).find_map(|prefix| {
            let size_less_one = mask(width - prefix);
            let first = start & !size_less_one;
            let last = first | size_less_one;
            let near = start - first <= least && end <= last && last - end <= least;
            let cidr = Cidr::new(address(first, subnet.is_ipv4()), prefix).ok()?;
            (near && subnet.contains(cidr.ip())).then_some(cidr)
        })
    };
    prefixes(0).or_else(|| prefixes(1))
}

fn ends(subnet: Cidr) -> (u128, u128) {
    let width = if subnet.is_ipv4() { 32 } else { 128 };
    let first = bits(subnet.network());
    (first, first | mask(width - subnet.prefix()))
}

fn mask(ones: u8) -> u128 {
    1_u128
        .checked_shl(ones.into())
        .map_or(u128::MAX, |it| it - 1)
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn address(bits: u128, v4: bool) -> IpAddr {
    match u32::try_from(bits) {
        Ok(bits) if v4 => IpAddr::V4(bits.into()),
        _ => IpAddr::V6(bits.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(text: &str) -> Result<Subnet, CniError> {
        subnet_of(&serde_json::from_str(text).unwrap())
    }

    #[test]
    fn a_range_is_leased_from_where_it_is_a_prefix() {
        for (start, end, wanted) in [
            ("10.1.0.128", "10.1.0.255", Some("10.1.0.128/25")),
            ("10.1.0.1", "10.1.0.127", Some("10.1.0.0/25")),
            ("10.1.0.1", "10.1.0.254", None),
            ("10.1.0.77", "10.1.0.77", Some("10.1.0.77/32")),
        ] {
            let range =
                format!(r#"{{"subnet":"10.1.0.0/24","rangeStart":"{start}","rangeEnd":"{end}"}}"#);
            assert_eq!(
                subnet(&range).unwrap().ip_range.as_deref(),
                wanted,
                "{start} {end}"
            );
        }
        assert!(subnet(r#"{"subnet":"10.1.0.0/24","rangeStart":"10.1.0.10"}"#).is_err());
        let v6 = subnet(r#"{"subnet":"fd00::/64","rangeStart":"fd00::1","gateway":"fd00::1"}"#);
        assert_eq!(v6.unwrap().ip_range, None);
    }
}
