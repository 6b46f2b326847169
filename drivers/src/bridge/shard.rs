//! Shards: a bridge of the kernel has 1,023 ports (net/bridge/br_private.h, BR_MAX_PORTS), and a network has more.
//!
//! ```text
//!            host's addresses
//!                   │
//!   endpoints ══ bridge ─┬─ patch ─ shard 1 ══ endpoints
//!                        └─ patch ─ shard 2 ══ endpoints
//! ```
//! The shards are a star around the first bridge, so there is no loop, and every endpoint is two patches away from
//! every other at most.

use rnet_model::{
    Bridge, HostFacts, IfName, MacAddress, Network, Object, Patch, PatchEnd, Resource,
};

use super::link::{main_bridge, port_mtu};
use super::options::Options;
use crate::DriverError;
use crate::inside::{ipv6_sysctls, sysctl};

/// The endpoints of the first bridge: its other ports are for the patches, and for what others attach to a bridge of
/// theirs.
const FIRST: usize = 900;
/// The endpoints of every other bridge.
const OTHER: usize = 1_000;
/// The first bridge and its shards: more endpoints than a /16 has addresses.
const BRIDGES: usize = 100;

/// Thresholds of the kernel's neighbour tables (Documentation/networking/ip-sysctl.rst), which every network namespace
/// shares: above the last one, an address that is not known yet cannot be learnt. By default it is 1,024.
const NEIGHBOURS: [(&str, u64); 3] = [
    ("gc_thresh1", 8_192),
    ("gc_thresh2", 49_152),
    ("gc_thresh3", 65_536),
];

/// How many packets wait for a processor (Documentation/admin-guide/sysctl/net.rst): a question for a neighbour goes to
/// every port of every bridge at once, and those beyond this number never get it. By default it is 1,000.
const BACKLOG: (&str, u64) = ("net/core/netdev_max_backlog", 65_536);

/// The first bridge with room, given how many endpoints each has.
pub(super) fn with_room(network: &Network, taken: &[usize]) -> Result<usize, DriverError> {
    let capacity = |shard| if shard == 0 { FIRST } else { OTHER };
    let has_room = |&shard: &usize| {
        taken
            .get(shard)
            .is_none_or(|&ports| ports < capacity(shard))
    };
    (0..BRIDGES)
        .find(has_room)
        .ok_or_else(|| DriverError::NetworkFull {
            network: network.name.clone(),
            endpoints: FIRST + (BRIDGES - 1) * OTHER,
        })
}

/// A bridge of the network: the one with the host's addresses is 0.
pub(super) fn bridge(network: &Network, options: &Options, shard: usize) -> IfName {
    match shard {
        0 => options.bridge.clone(),
        _ => link(network, "br", shard),
    }
}

/// What a shard stands on.
///
/// Without communication between containers, isolated ports of two bridges must not reach each other either: what
/// comes over a patch is let through to the first bridge's host, and to none of its isolated ports.
pub(super) fn resources(
    network: &Network,
    options: &Options,
    shard: usize,
    facts: &HostFacts,
) -> Vec<Resource> {
    if shard == 0 {
        return Vec::new();
    }
    let name = bridge(network, options, shard);
    let mtu = port_mtu(network, options, facts);
    let patch = Patch {
        near: PatchEnd {
            name: link(network, "sd", shard),
            bridge: options.bridge.clone(),
            isolated: !options.icc,
        },
        far: PatchEnd {
            name: link(network, "su", shard),
            bridge: name.clone(),
            isolated: false,
        },
        mtu,
    };
    let shard = Bridge {
        name: name.clone(),
        mac: mac(network, shard),
        mtu,
    };
    let (key, least) = BACKLOG;
    let backlog = Object::LeastSysctl {
        key: key.to_owned(),
        least,
    };
    let mut objects: Vec<_> = neighbours(network).chain([backlog]).collect();
    objects.push(Object::Bridge(shard));
    // the host's addresses are on the first bridge, which alone answers for them
    let silent = sysctl(format!("net/ipv4/conf/{name}/arp_ignore"), "8");
    objects.push(silent);
    objects.extend(ipv6_sysctls(&name, false, facts));
    objects.push(Object::Patch(patch));
    objects.into_iter().map(Resource::host).collect()
}

/// The shards a network has on record.
pub(super) fn recorded(network: &Network) -> impl Iterator<Item = &IfName> {
    let main = main_bridge(network);
    let bridges = network.resources.iter().filter_map(|it| match &it.object {
        Object::Bridge(bridge) => Some(&bridge.name),
        _ => None,
    });
    bridges.filter(move |name| Some(*name) != main)
}

/// A name of 15 characters at most, of this network's alone.
fn link(network: &Network, kind: &str, shard: usize) -> IfName {
    let id = network.id.short();
    format!("{kind}{shard}-{}", &id[..10])
        .parse()
        .expect("two letters, two digits, a dash and 10 hex digits are a valid name")
}

fn mac(network: &Network, shard: usize) -> MacAddress {
    let [a, b, c, ..] = network.id.bytes();
    let shard = u8::try_from(shard).expect("there are fewer bridges than a byte counts");
    MacAddress::local([0x02, 0x43, a, b, c, shard])
}

fn neighbours(network: &Network) -> impl Iterator<Item = Object> {
    let families = [(network.enable_ipv4, "ipv4"), (network.enable_ipv6, "ipv6")];
    let enabled = families.into_iter().filter(|(enabled, _)| *enabled);
    enabled.flat_map(|(_, family)| {
        NEIGHBOURS.map(|(threshold, least)| Object::LeastSysctl {
            key: format!("net/{family}/neigh/default/{threshold}"),
            least,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bridge::tests::{HOST, V4, V6, network, text};

    #[test]
    fn endpoints_fill_one_bridge_after_the_other_and_what_was_left_first() {
        let network = network(&[], &[V4]);
        let shard = |taken: &[usize]| with_room(&network, taken);
        assert_eq!(shard(&[]), Ok(0));
        assert_eq!(shard(&[899, 7]), Ok(0));
        assert_eq!(shard(&[900]), Ok(1));
        assert_eq!(shard(&[900, 1_000]), Ok(2));
        assert_eq!(shard(&[900, 999, 5]), Ok(1));
        let full: Vec<_> = std::iter::once(900).chain([1_000; 99]).collect();
        assert!(matches!(shard(&full), Err(DriverError::NetworkFull { .. })));
    }

    #[test]
    fn a_shard_is_a_silent_bridge_joined_to_the_first() {
        let golden = "\
sysctl net/ipv4/neigh/default/gc_thresh1>=8192
sysctl net/ipv4/neigh/default/gc_thresh2>=49152
sysctl net/ipv4/neigh/default/gc_thresh3>=65536
sysctl net/core/netdev_max_backlog>=65536
link add br2-ababababab up address 02:43:ab:ab:ab:02 mtu 1400 type bridge
sysctl net/ipv4/conf/br2-ababababab/arp_ignore=8
sysctl net/ipv6/conf/br2-ababababab/disable_ipv6=1
link add sd2-ababababab up master shop isolated on mtu 1400 type veth peer su2-ababababab up master br2-ababababab
";
        let options = [
            ("com.docker.network.bridge.name", "shop"),
            ("com.docker.network.bridge.enable_icc", "false"),
            ("com.docker.network.driver.mtu", "1400"),
        ];
        let network = network(&options, &[V4]);
        let options = Options::of(&network).unwrap();
        assert_eq!(text(Ok(resources(&network, &options, 2, &HOST))), golden);
    }

    #[test]
    fn the_first_bridge_needs_nothing_more_and_ipv6_has_neighbours_too() {
        let network = network(&[], &[V6]);
        let options = Options::of(&network).unwrap();
        assert!(resources(&network, &options, 0, &HOST).is_empty());
        let shard = text(Ok(resources(&network, &options, 1, &HOST)));
        assert!(shard.contains("ipv6/neigh") && !shard.contains("ipv4/neigh"));
    }
}
