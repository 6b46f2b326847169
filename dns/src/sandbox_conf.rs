//! The text of a sandbox's resolv.conf, made of the host's and of what a user asked.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rnet_model::DnsConfig;

use crate::{DnsError, Forwarding, Nameserver, ResolvConf};

/// Where a sandbox on user-defined networks finds its resolver.
pub const RESOLVER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 11);

/// Where systemd-resolved answers on the host (systemd-resolved.service(8)).
const RESOLVED: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 53);
/// Where systemd-resolved lists the servers it asks itself.
pub const RESOLVED_FILE: &str = "/run/systemd/resolve/resolv.conf";
const HOST_FILE: &str = "/etc/resolv.conf";

/// Who is asked where the host knows no server that a sandbox could reach, as libnetwork has it.
const LAST_RESORT_V4: [Ipv4Addr; 2] = [Ipv4Addr::new(8, 8, 8, 8), Ipv4Addr::new(8, 8, 4, 4)];
const LAST_RESORT_V6: [Ipv6Addr; 2] = [
    Ipv6Addr::new(0x2001, 0x4860, 0x4860, 0, 0, 0, 0, 0x8888),
    Ipv6Addr::new(0x2001, 0x4860, 0x4860, 0, 0, 0, 0, 0x8844),
];

/// Which file of the host to make a sandbox's own of, given what /etc/resolv.conf says, where servers are asked from
/// inside the sandbox ([`legacy`]).
///
/// That is systemd-resolved's own list if only its address on the host's loopback is named. Servers asked from the
/// host ([`embedded`]) are those of /etc/resolv.conf in any case.
pub fn host_file(etc: &ResolvConf) -> &'static str {
    let resolved = |server: &Nameserver| server.address == IpAddr::V4(RESOLVED);
    if !etc.nameservers.is_empty() && etc.nameservers.iter().all(resolved) {
        RESOLVED_FILE
    } else {
        HOST_FILE
    }
}

/// Refuses what cannot be written into a resolv.conf as the one word it must be.
pub fn check(asked: &DnsConfig) -> Result<(), DnsError> {
    let domain = |word: &&String| word.is_empty() || !word.chars().all(is_of_domain);
    let option = |word: &&String| word.is_empty() || !word.chars().all(|c| c.is_ascii_graphic());
    match (
        asked.search.iter().find(domain),
        asked.options.iter().find(option),
    ) {
        (Some(domain), _) => Err(DnsError::SearchDomain(domain.clone())),
        (_, Some(option)) => Err(DnsError::ResolverOption(option.clone())),
        (None, None) => Ok(()),
    }
}

/// The resolv.conf of a sandbox on user-defined networks: it asks [`RESOLVER`], which forwards to `forwarding`.
///
/// Without `ndots` among the options it is 0, so that a container's name is asked for before a search domain is
/// tried. The comments are those libnetwork writes, and tools read.
pub fn embedded(host: &ResolvConf, asked: &DnsConfig, forwarding: &Forwarding) -> String {
    let mut options = chosen(&asked.options, &host.options);
    let ndots = |option: &String| option.starts_with("ndots:");
    let origin = match (options.iter().any(ndots), asked.options.is_empty()) {
        (false, _) => "internal",
        (true, true) => "host",
        (true, false) => "override",
    };
    if origin == "internal" {
        options.push("ndots:0".to_owned());
    }
    let mut text =
        "# Made by rnet: the resolver of this container's networks answers.\n".to_owned();
    let servers = forwarding
        .upstreams()
        .iter()
        .map(|upstream| match upstream.place {
            rnet_model::Place::Host => format!("host({})", upstream.address.ip()),
            rnet_model::Place::Sandbox(_) => upstream.address.ip().to_string(),
        });
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "# ExtServers: [{}]",
        servers.collect::<Vec<_>>().join(" ")
    );
    let _ = writeln!(text, "# Overrides: [{}]", overrides(asked).join(" "));
    let _ = writeln!(text, "# Option ndots from: {origin}");
    settings(
        &mut text,
        [RESOLVER.to_string()],
        &chosen_search(host, asked),
        &options,
    );
    text
}

/// The resolv.conf of a sandbox that has no resolver of its own and asks servers itself.
///
/// Those are the asked ones, or the host's that it can reach: none on a loopback or a link of the host, of IPv6 only
/// if it has `ipv6`. At most three are written, all that resolvers use.
pub fn legacy(host: &ResolvConf, asked: &DnsConfig, ipv6: bool) -> String {
    let mut servers = asked.servers.clone();
    if servers.is_empty() {
        servers = host
            .nameservers
            .iter()
            .filter(|server| server.scope.is_none() && is_reachable(server.address, ipv6))
            .map(|server| server.address)
            .collect();
    }
    if servers.is_empty() {
        servers.extend(LAST_RESORT_V4.map(IpAddr::V4));
        servers.extend(LAST_RESORT_V6.map(IpAddr::V6).iter().filter(|_| ipv6));
    }
    let mut text = "# Made by rnet of the host's file and this container's settings.\n".to_owned();
    let servers = servers
        .iter()
        .take(Forwarding::MAX_UPSTREAMS)
        .map(IpAddr::to_string);
    let options = chosen(&asked.options, &host.options);
    settings(&mut text, servers, &chosen_search(host, asked), &options);
    text
}

fn settings(
    text: &mut String,
    servers: impl IntoIterator<Item = String>,
    search: &[String],
    options: &[String],
) {
    for server in servers {
        let _ = writeln!(text, "nameserver {server}");
    }
    for (keyword, words) in [("search", search), ("options", options)] {
        if !words.is_empty() {
            let _ = writeln!(text, "{keyword} {}", words.join(" "));
        }
    }
}

fn chosen(asked: &[String], host: &[String]) -> Vec<String> {
    if asked.is_empty() { host } else { asked }.to_vec()
}

fn chosen_search(host: &ResolvConf, asked: &DnsConfig) -> Vec<String> {
    let mut search = chosen(&asked.search, &host.search);
    search.retain(|domain| domain != ".");
    search
}

fn overrides(asked: &DnsConfig) -> Vec<&'static str> {
    let all = [
        ("nameservers", asked.servers.is_empty()),
        ("search", asked.search.is_empty()),
        ("options", asked.options.is_empty()),
    ];
    all.into_iter()
        .filter(|(_, as_on_host)| !as_on_host)
        .map(|(name, _)| name)
        .collect()
}

fn is_reachable(server: IpAddr, ipv6: bool) -> bool {
    let server = server.to_canonical();
    !server.is_loopback() && (server.is_ipv4() || ipv6)
}

fn is_of_domain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

#[cfg(test)]
mod tests {
    use rnet_model::{Place, SandboxId};

    use super::*;

    const HOST: &str = "nameserver 127.0.0.53\nnameserver 10.0.0.1\nnameserver fe80::1%eth0\n\
                        nameserver 2001:db8::1\nsearch lan.example\noptions edns0 trust-ad\n";

    fn words(list: &[&str]) -> Vec<String> {
        list.iter().map(|&word| word.to_owned()).collect()
    }

    fn lines(text: &str) -> Vec<&str> {
        text.lines().filter(|line| !line.starts_with('#')).collect()
    }

    #[test]
    fn a_sandbox_asks_its_resolver_and_searches_as_the_host_does() {
        let host = ResolvConf::parse(HOST);
        let forwarding = Forwarding::from_addresses(Place::Host, ["127.0.0.53".parse().unwrap()]);
        let text = embedded(&host, &DnsConfig::default(), &forwarding);
        assert_eq!(
            lines(&text),
            [
                "nameserver 127.0.0.11",
                "search lan.example",
                "options edns0 trust-ad ndots:0"
            ]
        );
        assert!(text.contains("\n# ExtServers: [host(127.0.0.53)]\n# Overrides: []\n"));
        assert!(text.contains("\n# Option ndots from: internal\n"));
        let again = ResolvConf::parse(&text);
        assert_eq!(again.nameservers[0].address, IpAddr::V4(RESOLVER));
    }

    #[test]
    fn what_a_user_asked_comes_before_what_the_host_has() {
        let asked = DnsConfig {
            servers: vec!["10.9.9.9".parse().unwrap()],
            search: words(&["."]),
            options: words(&["ndots:3"]),
        };
        let place = Place::Sandbox(SandboxId::from_bytes([1; 32]));
        let forwarding = Forwarding::from_addresses(place, asked.servers.clone());
        let text = embedded(&ResolvConf::parse(HOST), &asked, &forwarding);
        assert_eq!(lines(&text), ["nameserver 127.0.0.11", "options ndots:3"]);
        assert!(text.contains("\n# ExtServers: [10.9.9.9]\n"));
        assert!(text.contains("\n# Overrides: [nameservers search options]\n"));
        assert!(text.contains("\n# Option ndots from: override\n"));
        let own = legacy(&ResolvConf::parse(HOST), &asked, false);
        assert_eq!(lines(&own), ["nameserver 10.9.9.9", "options ndots:3"]);
    }

    #[test]
    fn a_sandbox_without_a_resolver_asks_the_hosts_servers_that_it_can_reach() {
        let (host, asked) = (ResolvConf::parse(HOST), DnsConfig::default());
        let servers = |text: &str| {
            let servers = ResolvConf::parse(text).nameservers;
            servers
                .iter()
                .map(Nameserver::to_string)
                .collect::<Vec<_>>()
        };
        assert_eq!(servers(&legacy(&host, &asked, false)), ["10.0.0.1"]);
        assert_eq!(
            servers(&legacy(&host, &asked, true)),
            ["10.0.0.1", "2001:db8::1"]
        );
        let none = ResolvConf::parse("nameserver 127.0.0.1\nnameserver ::1\n");
        assert_eq!(
            servers(&legacy(&none, &asked, false)),
            ["8.8.8.8", "8.8.4.4"]
        );
        assert_eq!(servers(&legacy(&none, &asked, true)).len(), 3);
    }

    #[test]
    fn systemd_resolveds_own_list_is_read_only_where_its_loopback_address_stands_alone() {
        let file = |text| host_file(&ResolvConf::parse(text));
        assert_eq!(file("nameserver 127.0.0.53\n"), RESOLVED_FILE);
        assert_eq!(file(HOST), HOST_FILE);
        assert_eq!(file("nameserver 127.0.0.1\n"), HOST_FILE);
        assert_eq!(file(""), HOST_FILE);
    }

    #[test]
    fn what_is_not_one_word_is_refused() {
        let asked = |search: &[&str], options: &[&str]| {
            let (search, options) = (words(search), words(options));
            check(&DnsConfig {
                servers: vec![],
                search,
                options,
            })
        };
        assert!(asked(&["lan.example", "_x.example", "."], &["ndots:2", "use-vc"]).is_ok());
        for bad in ["", "a b", "a\nnameserver 6.6.6.6", "é"] {
            assert!(
                matches!(asked(&[bad], &[]), Err(DnsError::SearchDomain(_))),
                "{bad:?}"
            );
            assert!(
                matches!(asked(&[], &[bad]), Err(DnsError::ResolverOption(_))),
                "{bad:?}"
            );
        }
    }
}
