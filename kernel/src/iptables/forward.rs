//! What the host passes on: one chain a network decides what gets to its containers.

use rnet_model::{FamilyPolicy, FirewallPolicy, Inbound, NetworkPolicy, OpenPorts};

use super::ruleset::{Family, Ruleset, Table, bridges};

const ACCEPT: &str = "-j ACCEPT";
const DROP: &str = "-j DROP";
const ANSWERS: &str = "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT";
const TRANSLATED: &str = "-m conntrack --ctstate DNAT -j ACCEPT";
/// The bit of the packet's mark that says "a sibling's, to a published port": it lives from FORWARD to POSTROUTING,
/// where a bridged packet does not tell any more where it came from.
pub(super) const SIBLINGS: &str = "0x1000/0x1000";

/// Writes the chains of the filter table.
pub(super) fn write(
    rules: &mut Ruleset,
    policy: &FirewallPolicy,
    opened: &[&OpenPorts],
    family: Family,
) {
    let networks = &policy.networks;
    let mut forward = Vec::new();
    for network in networks.iter().filter(|network| network.internal) {
        let out = |bridge| format!("-i {bridge} ! -o {bridge} -j DROP");
        forward.extend(bridges(network).map(out));
    }
    for network in networks {
        let chain = format!("RNET-TO-{}", network.bridge);
        forward.extend(bridges(network).map(|bridge| format!("-o {bridge} -j {chain}")));
        *rules.chain(Table::Filter, chain) = into(network, family);
    }
    for network in networks {
        forward.extend(bridges(network).map(|bridge| format!("-i {bridge} -j ACCEPT")));
    }
    *rules.chain(Table::Filter, "RNET-FORWARD") = forward;
    *rules.chain(Table::Filter, "RNET-OPENED") =
        opened.iter().flat_map(|open| accept(open)).collect();
}

/// The verdict on everything that leaves by a network's bridge.
fn into(network: &NetworkPolicy, family: Family) -> Vec<String> {
    let mut rules = vec![ANSWERS.to_owned()];
    for bridge in bridges(network) {
        let same = format!("-i {bridge} -o {bridge}");
        rules.push(format!(
            "{same} -m conntrack --ctstate DNAT -j MARK --set-xmark {SIBLINGS}"
        ));
        if !network.icc {
            rules.push(format!("{same} {TRANSLATED}"));
        }
        let verdict = if network.icc { ACCEPT } else { DROP };
        rules.push(format!("{same} {verdict}"));
    }
    if network.internal {
        rules.push(DROP.to_owned());
        return rules;
    }
    rules.push(TRANSLATED.to_owned());
    let FamilyPolicy { inbound, .. } = match family {
        Family::V4 => network.ipv4,
        Family::V6 => network.ipv6,
    };
    match inbound {
        Inbound::Everything => {
            rules.push(ACCEPT.to_owned());
            return rules;
        }
        Inbound::Opened => {
            let icmp = match family {
                Family::V4 => "icmp",
                Family::V6 => "ipv6-icmp",
            };
            rules.push(format!("-p {icmp} -j ACCEPT"));
            rules.push("-j RNET-OPENED".to_owned());
        }
        Inbound::Translated => {
            let trusted = network.trusted.iter();
            rules.extend(trusted.map(|name| format!("-i {name} -j RNET-OPENED")));
        }
    }
    rules.push(DROP.to_owned());
    rules
}

/// One rule, or one for each of those whom it is for.
fn accept(open: &OpenPorts) -> Vec<String> {
    let OpenPorts {
        address,
        protocol,
        ports,
        from,
    } = open;
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let (first, last) = (ports.first(), ports.last());
    let ports = match first == last {
        true => first.to_string(),
        false => format!("{first}:{last}"),
    };
    let rule = format!("-d {address}/{bits} -p {protocol} -m {protocol} --dport {ports} -j ACCEPT");
    if from.is_empty() {
        return vec![rule];
    }
    from.iter().map(|it| format!("-s {it} {rule}")).collect()
}
