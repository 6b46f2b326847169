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
    let mut forward = Vec::new();
    // nothing that is not let in there leaves an internal network, not even to a published port of another one
    for internal in [true, false] {
        let networks = policy.networks.iter();
        let networks: Vec<_> = networks.filter(|it| it.internal == internal).collect();
        for network in &networks {
            let chain = format!("RNET-TO-{}", network.bridge);
            forward.extend(bridges(network).map(|bridge| format!("-o {bridge} -j {chain}")));
            *rules.chain(Table::Filter, chain) = into(network, family);
        }
        let verdict = if internal { DROP } else { ACCEPT };
        let bridges = networks.into_iter().flat_map(bridges);
        forward.extend(bridges.map(|bridge| format!("-i {bridge} {verdict}")));
    }
    *rules.chain(Table::Filter, "RNET-FORWARD") = forward;
    *rules.chain(Table::Filter, "RNET-OPENED") =
        opened.iter().flat_map(|open| accept(open)).collect();
}

/// The verdict on everything that leaves by a network's bridge.
fn into(network: &NetworkPolicy, family: Family) -> Vec<String> {
    let mut rules = vec![ANSWERS.to_owned()];
    for bridge in bridges(network) {
        let same = format!("-i {bridge}");
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
