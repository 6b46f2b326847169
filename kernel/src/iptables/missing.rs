//! Finds out what a kernel lacks that refuses all of the rules.

use super::programs::Programs;
use super::ruleset::{Family, Table};
use crate::KernelError;

/// A part of the kernel, and a rule that only takes it.
struct Part {
    name: &'static str,
    module: &'static str,
    table: Table,
    rule: &'static str,
}

/// What the rules are made of, IPv4's addresses left out; `module` is what `modprobe` calls it.
const PARTS: &[Part] = &[
    part("table raw", "iptable_raw", Table::Raw, "-j RETURN"),
    part("table filter", "iptable_filter", Table::Filter, "-j RETURN"),
    part("table mangle", "iptable_mangle", Table::Mangle, "-j RETURN"),
    part("table nat", "iptable_nat", Table::Nat, "-j RETURN"),
    part(
        "match conntrack",
        "xt_conntrack",
        Table::Filter,
        "-m conntrack --ctstate ESTABLISHED,DNAT -j RETURN",
    ),
    part(
        "match addrtype",
        "xt_addrtype",
        Table::Nat,
        "-m addrtype --dst-type LOCAL -j RETURN",
    ),
    part(
        "match and target mark",
        "xt_mark",
        Table::Filter,
        "-m mark --mark 0x1/0x1 -j MARK --set-xmark 0x1/0x1",
    ),
    part(
        "target DNAT",
        "xt_nat",
        Table::Nat,
        "-p tcp -m tcp --dport 1 -j DNAT --to-destination :1",
    ),
    part(
        "target MASQUERADE",
        "xt_MASQUERADE",
        Table::Nat,
        "-j MASQUERADE",
    ),
];

const fn part(name: &'static str, module: &'static str, table: Table, rule: &'static str) -> Part {
    Part {
        name,
        module,
        table,
        rule,
    }
}

/// The same refusal, with what the kernel lacks if that is why: each part is tried in a chain of its own, gone after.
pub(super) fn explain(programs: &Programs, refusal: KernelError) -> KernelError {
    let KernelError::Iptables {
        program, complaint, ..
    } = &refusal
    else {
        return refusal;
    };
    let lacks = |part: &&Part| {
        let (table, rule) = (part.table, part.rule);
        let chain = "RNET-PROBE";
        let made = format!("*{table}\n:{chain} - [0:0]\n-A {chain} {rule}\nCOMMIT\n");
        let gone = format!("*{table}\n:{chain} - [0:0]\n-X {chain}\nCOMMIT\n");
        let taken = programs.restore(&made).is_ok();
        // where it could not be made there is nothing to remove
        let _ = programs.restore(&gone);
        !taken
    };
    let lacking: Vec<String> = PARTS
        .iter()
        .filter(lacks)
        .map(|part| match programs.family {
            Family::V4 => format!("{} ({})", part.name, part.module),
            Family::V6 => format!(
                "{} ({})",
                part.name,
                part.module.replace("iptable", "ip6table")
            ),
        })
        .collect();
    if lacking.is_empty() {
        return refusal;
    }
    KernelError::IptablesLacks {
        program: program.clone(),
        parts: lacking.join(", "),
        complaint: complaint.clone(),
    }
}
