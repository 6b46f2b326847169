//! The names that addresses have below in-addr.arpa and ip6.arpa.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The address a whole name in lower case stands for (RFC 1035, 3.5; RFC 3596, 2.5).
pub(crate) fn reverse(name: &str) -> Option<IpAddr> {
    if let Some(octets) = name.strip_suffix(".in-addr.arpa") {
        return Some(Ipv4Addr::from(parts::<4>(octets, 10)?).into());
    }
    let nibbles = parts::<32>(name.strip_suffix(".ip6.arpa")?, 16)?;
    let mut octets = [0; 16];
    for (octet, pair) in octets.iter_mut().zip(nibbles.chunks_exact(2)) {
        *octet = pair[0] << 4 | pair[1];
    }
    Some(Ipv6Addr::from(octets).into())
}

/// Exactly that many numbers, the last first in the text, without signs or needless zeros; below 16 where they are
/// in base 16.
fn parts<const N: usize>(text: &str, radix: u32) -> Option<[u8; N]> {
    let mut parts = [0; N];
    let mut labels = text.split('.').rev();
    for part in &mut parts {
        let label = labels.next()?;
        let digits = label.bytes().all(|byte| byte.is_ascii_hexdigit());
        let short = label.len() == 1 || (radix == 10 && !label.starts_with('0'));
        if !digits || !short {
            return None;
        }
        *part = u8::from_str_radix(label, radix).ok()?;
    }
    labels.next().is_none().then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_names_stand_for_addresses() {
        let v6: Ipv6Addr = "2001:db8::12".parse().unwrap();
        let nibbles = "2.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2";
        assert_eq!(
            reverse("4.3.2.10.in-addr.arpa"),
            Some(Ipv4Addr::new(10, 2, 3, 4).into())
        );
        assert_eq!(reverse(&format!("{nibbles}.ip6.arpa")), Some(v6.into()));
        for name in [
            "3.2.10.in-addr.arpa",
            "5.4.3.2.10.in-addr.arpa",
            "+4.3.2.10.in-addr.arpa",
            "04.3.2.10.in-addr.arpa",
            "256.3.2.10.in-addr.arpa",
            "..3.2.10.in-addr.arpa",
            "in-addr.arpa",
            &format!("0.{nibbles}.ip6.arpa"),
            &format!("1{nibbles}.ip6.arpa"),
            &nibbles[2..],
        ] {
            assert_eq!(reverse(name), None, "{name}");
        }
    }
}
