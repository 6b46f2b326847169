//! Published ports: found by their port's bucket, so that no packet walks the list of all.
//!
//! ```text
//! RNET-PUBLISHED ──▶ RNET-ONE-tcp-8192    ports 8192–8447 of one address    ┐ at most 256 ports
//!                ──▶ RNET-ANY-tcp-8192    ports 8192–8447 of every address  ┘ each
//! ```
//! A range that lies in several buckets is one rule, after the buckets of its kind.

use std::collections::BTreeMap;
use std::net::IpAddr;

use rnet_model::{HostPorts, PortRange, Protocol, Publication};

use super::ruleset::{Ruleset, Table};

/// How many ports share a chain.
const BUCKET: u16 = 256;

/// Where rules go: to a bucket by its first port, or to none.
type Shelf = (bool, Protocol, Option<u16>);

/// Writes the chains of the nat table that packets meet at their beginning.
pub(super) fn write(rules: &mut Ruleset, published: &[(&HostPorts, &Publication)]) {
    let mut shelves: BTreeMap<Shelf, Vec<String>> = BTreeMap::new();
    for &(ports, to) in published {
        let bucket = |port: u16| port - port % BUCKET;
        let (first, last) = (bucket(ports.ports.first()), bucket(ports.ports.last()));
        let bucket = (first == last).then_some(first);
        let shelf = (ports.address.is_unspecified(), ports.protocol, bucket);
        shelves.entry(shelf).or_default().extend(lead(ports, to));
    }
    // one address comes before every address: `false` is first
    for any in [false, true] {
        let (mut buckets, mut wide) = (Vec::new(), Vec::new());
        for (&(its, protocol, bucket), leads) in &shelves {
            match bucket {
                _ if its != any => {}
                None => wide.extend_from_slice(leads),
                Some(first) => {
                    let kind = if any { "ANY" } else { "ONE" };
                    let chain = format!("RNET-{kind}-{protocol}-{first}");
                    let last = first + (BUCKET - 1);
                    buckets.push(format!(
                        "-p {protocol} -m {protocol} --dport {first}:{last} -j {chain}"
                    ));
                    *rules.chain(Table::Nat, chain) = leads.clone();
                }
            }
        }
        let all = rules.chain(Table::Nat, "RNET-PUBLISHED");
        all.extend(buckets);
        all.extend(wide);
    }
}

/// The rules of one publication: one, or one for each of those whom it is for and one for all others.
fn lead(ports: &HostPorts, to: &Publication) -> Vec<String> {
    let HostPorts {
        protocol,
        address,
        ports,
    } = *ports;
    let at = match address {
        _ if address.is_unspecified() => String::new(),
        IpAddr::V4(address) => format!("-d {address}/32 "),
        IpAddr::V6(address) => format!("-d {address}/128 "),
    };
    let target = target(ports, to);
    let dport = match ports.count() {
        1 => ports.first().to_string(),
        _ => format!("{}:{}", ports.first(), ports.last()),
    };
    let asked = format!("{at}-p {protocol} -m {protocol} --dport {dport}");
    let lead = format!("{asked} -j DNAT --to-destination {target}");
    if to.from.is_empty() {
        return vec![lead];
    }
    let clients = to.from.iter().map(|from| format!("-s {from} {lead}"));
    // for others the port is not there: no rule further on is asked
    clients.chain([format!("{asked} -j ACCEPT")]).collect()
}

/// The container's side: a range in step keeps its ports, a shifted one names the port it counts from.
fn target(ports: PortRange, to: &Publication) -> String {
    let first = to.first_port;
    let shown = match to.address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    };
    match ports.count() {
        1 => format!("{shown}:{first}"),
        _ if first == ports.first() => to.address.to_string(),
        count => {
            let last = u32::from(first) + count - 1;
            format!("{shown}:{first}-{last}/{}", ports.first())
        }
    }
}
