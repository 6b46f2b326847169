//! What of rnet's stands in the tables of one family, and whatever leads there from the builtin chains.

use std::collections::{BTreeMap, BTreeSet};

use super::ruleset::{OURS, Table, USER};

/// What of rnet's stands.
#[derive(Default, Debug)]
pub(super) struct Standing(BTreeMap<Table, Here>);

/// What of it stands in one table.
#[derive(Default, Debug)]
pub(super) struct Here {
    /// Chains, the user's too.
    pub(super) chains: BTreeSet<String>,
    /// Rules that lead to them from builtin chains: the chain, and what follows `-A CHAIN`.
    pub(super) jumps: Vec<(String, String)>,
    /// Whether the user's chain has rules.
    pub(super) user_rules: bool,
}

impl Standing {
    /// Reads what `iptables -t TABLE -S` says.
    pub(super) fn read(&mut self, table: Table, listing: &str) {
        let mut here = Here::default();
        let mut builtin = BTreeSet::new();
        for line in listing.lines() {
            let Some((verb, rest)) = line.split_once(' ') else {
                continue;
            };
            let (chain, rule) = rest.split_once(' ').unwrap_or((rest, ""));
            match verb {
                "-P" => drop(builtin.insert(chain)),
                "-N" if chain.starts_with(OURS) => drop(here.chains.insert(chain.to_owned())),
                "-A" if chain == USER => here.user_rules = true,
                "-A" if builtin.contains(chain) && leads_to_ours(rule) => {
                    here.jumps.push((chain.to_owned(), rule.to_owned()));
                }
                _ => {}
            }
        }
        self.0.insert(table, here);
    }

    /// What stands in one table.
    pub(super) fn of(&self, table: Table) -> &Here {
        const NOTHING: &Here = &Here {
            chains: BTreeSet::new(),
            jumps: Vec::new(),
            user_rules: false,
        };
        self.0.get(&table).unwrap_or(NOTHING)
    }
}

fn leads_to_ours(rule: &str) -> bool {
    let mut words = rule
        .split(' ')
        .skip_while(|word| !matches!(*word, "-j" | "-g"));
    words.nth(1).is_some_and(|target| target.starts_with(OURS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_ours_is_seen() {
        let mut standing = Standing::default();
        let listing = "-P PREROUTING ACCEPT\n-N DOCKER\n-N RNET-PUBLISHED\n-N RNET-USER\n\
            -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER\n\
            -A PREROUTING ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j RNET-PUBLISHED\n\
            -A DOCKER -j RNET-PUBLISHED\n-A RNET-USER -s 1.2.3.4/32 -j DROP\n";
        standing.read(Table::Nat, listing);
        let here = standing.of(Table::Nat);
        assert!(here.chains.iter().eq(["RNET-PUBLISHED", "RNET-USER"]));
        assert_eq!(here.jumps.len(), 1);
        assert!(here.user_rules);
    }
}
