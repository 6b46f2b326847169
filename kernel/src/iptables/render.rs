//! The rules a policy becomes.
//!
//! docs/firewall.md shows them for a sample, with a sentence for each chain and the reasons for their order.

use rnet_model::{FirewallPolicy, HostPorts, IfName, OpenPorts, Publication};

use super::ruleset::{Family, Ruleset, Table, bridges};
use super::{forward, postrouting, published};
use crate::KernelError;

impl Ruleset {
    /// What `policy`, which was checked, means in `family`.
    pub(super) fn of(policy: &FirewallPolicy, family: Family) -> Self {
        let published = policy.published.iter();
        let published: Vec<(&HostPorts, &Publication)> = published
            .filter(|(ports, _)| family.has(ports.address))
            .collect();
        let opened: Vec<&OpenPorts> = policy
            .opened
            .iter()
            .filter(|open| family.has(open.address))
            .collect();
        let mut rules = Self::default();
        if family == Family::V4 {
            *rules.chain(Table::Raw, "RNET-GUARD") = guard(policy);
        }
        forward::write(&mut rules, policy, &opened, family);
        published::write(&mut rules, &published);
        postrouting::write(&mut rules, policy, family);
        rules
    }
}

/// What containers send as or to the host's loopback is gone; what is about neither is let go at once.
fn guard(policy: &FirewallPolicy) -> Vec<String> {
    let uninvolved = [
        "! -s 127.0.0.0/8 ! -d 127.0.0.0/8 -j RETURN".to_owned(),
        "-i lo -j RETURN".to_owned(),
    ];
    let bridges = policy.networks.iter().flat_map(bridges);
    let drops = bridges.map(|bridge| format!("-i {bridge} -j DROP"));
    uninvolved.into_iter().chain(drops).collect()
}

/// That iptables can say all of a policy.
pub(super) fn check(policy: &FirewallPolicy) -> Result<(), KernelError> {
    for network in &policy.networks {
        bridges(network)
            .chain(&network.trusted)
            .try_for_each(sayable)?;
    }
    let across =
        |(ports, to): &(&HostPorts, &Publication)| ports.address.is_ipv4() != to.address.is_ipv4();
    match policy.published.iter().find(across) {
        None => Ok(()),
        Some((ports, to)) => Err(KernelError::PublishAcrossFamilies {
            ports: *ports,
            target: to.address,
        }),
    }
}

/// That a name stands for itself in a line of `iptables-restore`: there, `+` in the end stands for any rest.
fn sayable(name: &IfName) -> Result<(), KernelError> {
    let text = name.as_str();
    let odd = |byte: u8| matches!(byte, b'"' | b'\'' | b'\\' | b'+' | b'#');
    if text.bytes().any(odd) || text.starts_with(['!', '-']) {
        return Err(KernelError::UnsayableName { name: name.clone() });
    }
    Ok(())
}
