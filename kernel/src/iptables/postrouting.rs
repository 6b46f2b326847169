//! What leaves gets a source address that answers come back to.

use rnet_model::{FirewallPolicy, SourceNat};

use super::forward::SIBLINGS;
use super::ruleset::{Family, Ruleset, Table, bridges};

/// Writes the chains of the nat table that packets meet at their end.
pub(super) fn write(rules: &mut Ruleset, policy: &FirewallPolicy, family: Family) {
    let mut leaving = Vec::new();
    for network in &policy.networks {
        for bridge in bridges(network) {
            leaving.push(format!(
                "-o {bridge} -m conntrack --ctstate DNAT -j RNET-RETURN"
            ));
        }
        let source = match family {
            Family::V4 => network.ipv4.source,
            Family::V6 => network.ipv6.source,
        };
        let target = match source {
            SourceNat::Keep => continue,
            SourceNat::Masquerade => "MASQUERADE".to_owned(),
            SourceNat::Address(address) => format!("SNAT --to-source {address}"),
        };
        for from in bridges(network) {
            let others = bridges(network).filter(|to| *to != from);
            leaving.extend(others.map(|to| format!("-i {from} -o {to} -j RETURN")));
        }
        // `-i` is known here since Linux 5.7, though iptables takes it in chains of one's own only
        let out = |bridge| format!("-i {bridge} ! -o {bridge} -j {target}");
        leaving.extend(bridges(network).map(out));
    }
    *rules.chain(Table::Nat, "RNET-POSTROUTING") = leaving;
    *rules.chain(Table::Nat, "RNET-RETURN") = vec![
        "-m addrtype --src-type LOCAL -j MASQUERADE".to_owned(),
        format!("-m mark --mark {SIBLINGS} -j MASQUERADE"),
    ];
}
