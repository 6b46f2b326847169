//! The ranges that automatic subnets are cut from.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use rnet_model::Cidr;
use serde::{Deserialize, Serialize};

use crate::check::check_range;
use crate::space::overlap;
use crate::{Family, IpamError};

/// A range that is cut into subnets of one size (an entry of Docker's `default-address-pools`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// The range, without host bits.
    pub base: Cidr,
    /// The prefix length of the subnets.
    pub size: u8,
}

/// Written as Docker's flag is: `base=10.200.0.0/16,size=24`.
impl FromStr for Pool {
    type Err = IpamError;

    fn from_str(text: &str) -> Result<Self, IpamError> {
        let mistaken = || IpamError::PoolSyntax {
            text: text.to_owned(),
        };
        let (mut base, mut size) = (None, None);
        for field in text.split(',') {
            match field.trim().split_once('=') {
                Some(("base", value)) if value.contains('/') => base = value.parse().ok(),
                Some(("size", value)) => size = value.parse().ok(),
                _ => return Err(mistaken()),
            }
        }
        base.zip(size)
            .map(|(base, size)| Self { base, size })
            .ok_or_else(mistaken)
    }
}

/// The pools of a daemon, used in their order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Vec<Pool>", into = "Vec<Pool>")]
pub struct Pools(Vec<Pool>);

impl Pools {
    /// Pools of one's own, of either family, none overlapping another; each must be cut into subnets that have room
    /// for two machines.
    ///
    /// IPv6 networks get subnets of a unique local prefix (RFC 4193) when no IPv6 pool is among them.
    pub fn new(pools: Vec<Pool>) -> Result<Self, IpamError> {
        for (index, &Pool { base, size }) in pools.iter().enumerate() {
            check_range("pool", base)?;
            let greatest = Family::of_subnet(base).bits() - 2;
            if !(base.prefix()..=greatest).contains(&size) {
                return Err(IpamError::PoolSize {
                    base,
                    size,
                    greatest,
                });
            }
            if let Some(other) = pools[..index].iter().find(|it| overlap(it.base, base)) {
                let other = other.base;
                return Err(IpamError::PoolOverlap { base, other });
            }
        }
        Ok(Self(pools))
    }

    /// The pools of one family, in their order; for IPv6 at least the unique local prefix with this global id.
    pub(crate) fn of(&self, family: Family, global_id: [u8; 5]) -> impl Iterator<Item = Pool> {
        let own = move |pool: &Pool| Family::of_subnet(pool.base) == family;
        let needs_ula = family == Family::V6 && !self.0.iter().any(own);
        self.0
            .iter()
            .copied()
            .filter(own)
            .chain(needs_ula.then(|| unique_local(global_id)))
    }
}

/// 172.17.0.0/16 in one piece, which the predefined `bridge` network takes; then 3,968 subnets of 254 addresses.
///
/// They come from the ranges Docker uses as well, without those that others are most likely to use: 172.16.0.0/16
/// (the first that companies take of 172.16.0.0/12), 172.31.0.0/16 (the default network of AWS), the lower half of
/// 192.168.0.0/16 (home routers, libvirt), and all of 10.0.0.0/8 (companies, clouds, Kubernetes). The last resort
/// is 198.18.0.0/15 (RFC 2544), which serves where a VPN claims every private range.
impl Default for Pools {
    fn default() -> Self {
        let pool = |base: [u8; 2], third, prefix, size| Pool {
            base: cidr(IpAddr::from([base[0], base[1], third, 0]), prefix),
            size,
        };
        Self(vec![
            pool([172, 17], 0, 16, 16),
            pool([172, 18], 0, 15, 24),
            pool([172, 20], 0, 14, 24),
            pool([172, 24], 0, 14, 24),
            pool([172, 28], 0, 15, 24),
            pool([172, 30], 0, 16, 24),
            pool([192, 168], 128, 17, 24),
            pool([198, 18], 0, 15, 24),
        ])
    }
}

impl TryFrom<Vec<Pool>> for Pools {
    type Error = IpamError;

    fn try_from(pools: Vec<Pool>) -> Result<Self, IpamError> {
        Self::new(pools)
    }
}

impl From<Pools> for Vec<Pool> {
    fn from(pools: Pools) -> Self {
        pools.0
    }
}

/// `fd`, 40 bits of global id, and 16 bits to number subnets of 64 bits (RFC 4193, 3.1).
fn unique_local([a, b, c, d, e]: [u8; 5]) -> Pool {
    let mut octets = [0; 16];
    octets[..6].copy_from_slice(&[0xfd, a, b, c, d, e]);
    Pool {
        base: cidr(Ipv6Addr::from(octets).into(), 48),
        size: 64,
    }
}

fn cidr(base: IpAddr, prefix: u8) -> Cidr {
    Cidr::new(base, prefix).expect("the prefix length fits the family")
}
