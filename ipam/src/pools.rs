//! The ranges that automatic subnets are cut from.

use std::net::{IpAddr, Ipv6Addr};

use rnet_model::Cidr;
use serde::{Deserialize, Serialize};

use crate::check::check_range;
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

/// The pools of a daemon, used in their order; [`Default`] gives Docker's, which make 31 IPv4 networks.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Vec<Pool>", into = "Vec<Pool>")]
pub struct Pools(Vec<Pool>);

impl Pools {
    /// Pools of one's own, of either family; each must be cut into subnets that have room for two machines.
    ///
    /// IPv6 networks get subnets of a unique local prefix (RFC 4193) when no IPv6 pool is among them.
    pub fn new(pools: Vec<Pool>) -> Result<Self, IpamError> {
        for &Pool { base, size } in &pools {
            check_range("pool", base)?;
            let greatest = Family::of_subnet(base).bits() - 2;
            if !(base.prefix()..=greatest).contains(&size) {
                return Err(IpamError::PoolSize {
                    base,
                    size,
                    greatest,
                });
            }
        }
        Ok(Self(pools))
    }

    /// The pools of one family, in their order; for IPv6 at least the unique local prefix made of `seed`.
    pub(crate) fn of(&self, family: Family, seed: [u8; 5]) -> impl Iterator<Item = Pool> {
        let own = move |pool: &Pool| Family::of_subnet(pool.base) == family;
        let needs_ula = family == Family::V6 && !self.0.iter().any(own);
        self.0
            .iter()
            .copied()
            .filter(own)
            .chain(needs_ula.then(|| unique_local(seed)))
    }
}

impl Default for Pools {
    fn default() -> Self {
        let pool = |second, prefix, size| Pool {
            base: private([172, second], prefix),
            size,
        };
        Self(vec![
            pool(17, 16, 16),
            pool(18, 16, 16),
            pool(19, 16, 16),
            pool(20, 14, 16),
            pool(24, 14, 16),
            pool(28, 14, 16),
            Pool {
                base: private([192, 168], 16),
                size: 20,
            },
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

fn private([a, b]: [u8; 2], prefix: u8) -> Cidr {
    cidr(IpAddr::from([a, b, 0, 0]), prefix)
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
