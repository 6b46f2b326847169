//! How a subnet is shared with somebody else who leases from below.

use std::net::IpAddr;

use crate::Cidr;

/// What another allocator of a subnet's addresses, which counts up from below, gets to last; none of a subnet of
/// fewer than eight addresses, which is too small to share.
pub fn upper_half(subnet: Cidr) -> Option<Cidr> {
    let bits = if subnet.is_ipv4() { 32 } else { 128 };
    if subnet.prefix() > bits - 3 {
        return None;
    }
    let last: IpAddr = subnet.broadcast();
    let half = Cidr::new(last, subnet.prefix() + 1).ok()?;
    Cidr::new(half.network(), half.prefix()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_upper_half_is_a_subnet_of_its_own() {
        let upper = |text: &str| upper_half(text.parse().unwrap()).map(|it| it.to_string());
        assert_eq!(upper("10.88.0.0/16"), Some("10.88.128.0/17".to_owned()));
        assert_eq!(upper("10.89.0.0/24"), Some("10.89.0.128/25".to_owned()));
        assert_eq!(upper("fd00::/64"), Some("fd00::8000:0:0:0/65".to_owned()));
        assert_eq!(upper("10.89.0.0/30"), None);
        assert_eq!(upper("10.89.0.0/32"), None);
    }
}
