//! Which subnets networks get, and what they are told of the host's routes.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use anyhow::{Context, Result, ensure};
use rnet_tests::{Lab, eventually};
use serde_json::Value;

use crate::{end_ipv6_forwarding, on_lab};

/// More than a /16 has, as the pools are cut.
const MANY: usize = 300;

/// A link as that of a VPN.
fn vpn(lab: &Lab) -> Result<()> {
    lab.host("ip link add tun9 up type bridge && ip rule add fwmark 9 lookup 100")
        .map(drop)
}

/// The lab host as it was: links of somebody else's are no rnet's to remove.
fn no_vpn(lab: &Lab) -> Result<()> {
    lab.host("ip link del tun9 && ip rule del fwmark 9 lookup 100")
        .map(drop)
}

/// The first subnet of each network that somebody made.
fn subnets(lab: &Lab) -> Result<Vec<String>> {
    let subnets = lab.host(
        "rnet network ls -q --filter type=custom | xargs -r rnet network inspect \
         -f '{{(index .IPAM.Config 0).Subnet}}'",
    )?;
    Ok(subnets.lines().map(str::to_owned).collect())
}

#[test]
fn hundreds_of_automatic_networks_overlap_neither_each_other_nor_routes_of_any_table() -> Result<()>
{
    on_lab(|lab| {
        vpn(lab)?;
        lab.host("ip route add 172.18.0.0/16 dev tun9 table 100")?;
        lab.host("ip route add 172.20.4.0/22 dev tun9 table 100")?;
        for n in 0..MANY {
            ask(
                lab,
                "POST /networks/create",
                &format!(r#"{{"Name":"n{n}"}}"#),
            )?;
        }
        let networks = ask(lab, "GET /networks", "")?;
        let networks = networks.as_array().context("networks are a list")?;
        let made = networks.iter().filter(|it| it["Name"] != "bridge");
        let subnets: BTreeSet<_> = made
            .filter_map(|it| it["IPAM"]["Config"][0]["Subnet"].as_str())
            .map(str::to_owned)
            .collect();
        // in /24s of the default pools, from where the routes end: 172.19, then 172.20 without four, …
        let expected: BTreeSet<_> = (0x1300..)
            .filter(|n| !(0x1404..0x1408).contains(n))
            .map(|n| format!("172.{}.{}.0/24", n >> 8, n & 0xff))
            .take(MANY)
            .collect();
        assert_eq!(subnets, expected);
        ask(lab, "POST /networks/prune", "")?;
        no_vpn(lab)
    })
}

/// What the API answers to a request; it must succeed.
fn ask(lab: &Lab, request: &str, body: &str) -> Result<Value> {
    let mut stream = UnixStream::connect(lab.root().join("run/rnet/rnet.sock"))?;
    let headers = "Host: rnet\r\nConnection: close\r\nContent-Type: application/json";
    write!(
        stream,
        "{request} HTTP/1.1\r\n{headers}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .context("an answer has a body")?;
    ensure!(head.starts_with("HTTP/1.1 2"), "{request}: {answer}");
    Ok(serde_json::from_str(body)?)
}

#[test]
fn a_route_into_a_network_is_told_when_it_comes_and_as_long_as_it_lasts() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet network create --ipv6 n")?;
        let warned = |lab: &Lab, words: &str| {
            eventually(|| {
                let log = lab.log();
                ensure!(
                    log.lines()
                        .any(|it| it.contains("WARN") && it.contains(words)),
                    "{log}"
                );
                Ok(())
            })
        };
        let told = |lab: &Lab| lab.host("rnet network inspect n && rnet info 2>&1");
        ensure!(
            !told(lab)?.contains("overlaps"),
            "its own routes are no conflict"
        );
        vpn(lab)?;
        lab.host("ip route add 172.16.0.0/12 dev tun9 table 100")?;
        let words = "subnet 172.18.0.0/24 of network n overlaps the host's route to 172.16.0.0/12 by tun9 (table 100)";
        warned(lab, words)?;
        assert_eq!(
            told(lab)?.matches(words).count(),
            2,
            "inspect and info tell it"
        );
        let v6 = "{{(index .IPAM.Config 1).Subnet}}";
        let v6 = lab.host(&format!("rnet network inspect -f '{v6}' n"))?;
        lab.host(&format!("ip route add {v6} dev tun9"))?;
        warned(lab, &format!("overlaps the host's route to {v6} by tun9"))?;
        no_vpn(lab)?;
        ensure!(!told(lab)?.contains("overlaps"), "it is over");
        end_ipv6_forwarding(lab)
    })
}

#[test]
fn a_subnet_given_in_spite_of_a_route_is_made_with_a_warning() -> Result<()> {
    on_lab(|lab| {
        vpn(lab)?;
        lab.host("ip route add 10.9.0.0/16 dev tun9")?;
        let made = lab.try_host("rnet network create --subnet 10.9.1.0/24 n")?;
        ensure!(
            made.stderr
                .contains("overlaps the host's route to 10.9.0.0/16 by tun9"),
            "{made:?}"
        );
        made.success()?;
        let silent = lab.try_host("rnet network create --subnet 10.8.1.0/24 m")?;
        assert_eq!(silent.stderr, "");
        no_vpn(lab)
    })
}

#[test]
fn subnets_come_from_the_pools_that_netd_is_given() -> Result<()> {
    let mut lab = Lab::bare()?;
    lab.start_netd_with(
        "--default-address-pool base=10.200.0.0/16,size=24 \
         --default-address-pool base=10.201.0.0/29,size=30",
    )?;
    let bridge = lab.host("rnet network inspect -f '{{(index .IPAM.Config 0).Subnet}}' bridge")?;
    assert_eq!(bridge, "10.200.0.0/24");
    lab.host("ip route add blackhole 10.200.0.0/17")?;
    lab.host("ip route add blackhole 10.200.128.0/17")?;
    for n in 0..2 {
        lab.host(&format!("rnet network create n{n}"))?;
    }
    assert_eq!(subnets(&lab)?.len(), 2);
    let told = lab.try_host("rnet network create n3")?.failure(1)?;
    ensure!(
        told.contains("all predefined address pools have been fully subnetted"),
        "{told}"
    );
    Ok(())
}
