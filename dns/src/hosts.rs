//! The text of a sandbox's /etc/hosts.

use std::fmt::Write as _;
use std::net::IpAddr;

use crate::DnsError;

const LOCALHOST_V4: &str = "127.0.0.1\tlocalhost\n";
const LOCALHOST_V6: &str = "::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
ff00::\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
";

/// The hosts(5) of a sandbox: localhost, the `extra` names a user gave, then its own host name at each address.
///
/// A host name with dots is followed by its first label, as hosts(5) recommends. `ipv6` says whether the sandbox has
/// that family at all; the names libnetwork's `etchosts` gives of it are left out otherwise.
pub fn hosts<'a>(
    hostname: &str,
    addresses: &[IpAddr],
    extra: impl IntoIterator<Item = (&'a str, IpAddr)>,
    ipv6: bool,
) -> Result<String, DnsError> {
    let mut text = LOCALHOST_V4.to_owned();
    if ipv6 {
        text.push_str(LOCALHOST_V6);
    }
    for (name, address) in extra {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{address}\t{}", checked(name)?);
    }
    let own = match checked(hostname)?.split_once('.') {
        Some((first, _)) if !first.is_empty() => format!("{hostname} {first}"),
        _ => hostname.to_owned(),
    };
    for address in addresses {
        let _ = writeln!(text, "{address}\t{own}");
    }
    Ok(text)
}

fn checked(name: &str) -> Result<&str, DnsError> {
    let word = !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control());
    if word && !name.contains('#') {
        Ok(name)
    } else {
        Err(DnsError::HostName(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sandbox_finds_itself_at_each_address_and_the_hosts_a_user_added() {
        let addresses = ["172.25.100.2".parse().unwrap(), "fd00::2".parse().unwrap()];
        let extra = [("db.internal", "10.0.0.9".parse().unwrap())];
        assert_eq!(
            hosts("c1", &addresses, extra, false).unwrap(),
            "127.0.0.1\tlocalhost\n10.0.0.9\tdb.internal\n172.25.100.2\tc1\nfd00::2\tc1\n"
        );
        let qualified = hosts("c1.example.com", &addresses[..1], [], true).unwrap();
        assert!(qualified.contains("\n::1\tlocalhost ip6-localhost ip6-loopback\n"));
        assert!(qualified.ends_with("\n172.25.100.2\tc1.example.com c1\n"));
    }

    #[test]
    fn a_name_that_would_smuggle_in_a_line_is_refused() {
        for name in ["", "a b", "a\n10.0.0.1\tbank", "a#b", "a\u{0}"] {
            assert!(hosts(name, &[], [], false).is_err(), "{name:?}");
            let extra = [(name, "10.0.0.9".parse().unwrap())];
            assert!(hosts("c1", &[], extra, false).is_err(), "{name:?}");
        }
    }
}
