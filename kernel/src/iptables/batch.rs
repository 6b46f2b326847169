//! The input of `iptables-restore --noflush` that leads from what stands to what is wanted: a change is one process.
//!
//! Each table is replaced by the kernel as a whole, so that no packet meets half of a table's change; tables that
//! protect are written before those that translate.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::ruleset::{Family, OURS, Ruleset, Table, USER};
use super::standing::Standing;

/// Lines for one table, in the order they have to come in.
#[derive(Default)]
struct Lines {
    /// `:CHAIN`: makes a chain, or empties it.
    declared: String,
    changed: String,
    /// `-X CHAIN`, once nothing leads there any more.
    deleted: String,
}

/// From whatever stands to all of `wanted`, the user's chain left alone; refused if jumps went since.
pub(super) fn whole(wanted: &Ruleset, standing: &Standing, family: Family) -> String {
    tables(|table, lines| {
        for (chain, rules) in wanted.of_table(table) {
            lines.rewrite(chain, rules);
        }
        let here = standing.of(table);
        for chain in here.chains.iter().filter(|chain| *chain != USER) {
            if !wanted.0.contains_key(&(table, chain.clone())) {
                lines.delete(chain);
            }
        }
        if table == Table::Mangle && !here.chains.contains(USER) {
            lines.rewrite(USER, &[]);
        }
        let jumps = family.jumps().iter().filter(|jump| jump.table == table);
        let jumps: Vec<_> = jumps.map(|jump| (jump.from, jump.rule)).collect();
        let mut kept = BTreeSet::new();
        for (from, rule) in &here.jumps {
            let jump = (from.as_str(), rule.as_str());
            let keep = jumps.contains(&jump) && kept.insert(jump);
            let verb = if keep { "-C" } else { "-D" };
            lines.change(format_args!("{verb} {from} {rule}"));
        }
        for (from, rule) in jumps.iter().filter(|jump| !kept.contains(*jump)) {
            lines.change(format_args!("-I {from} 1 {rule}"));
        }
    })
}

/// From `old` to `new`; with `doubts`, refused if `old` is not what stands.
pub(super) fn difference(old: &Ruleset, new: &Ruleset, family: Family, doubts: bool) -> String {
    tables(|table, lines| {
        if doubts {
            lines.check(old, table, family);
        }
        for (chain, rules) in new.of_table(table) {
            match old.0.get(&(table, chain.to_owned())) {
                Some(before) if before == rules => {}
                Some(before) => lines.edit(chain, before, rules),
                None => lines.rewrite(chain, rules),
            }
        }
        for (chain, _) in old.of_table(table) {
            if !new.0.contains_key(&(table, chain.to_owned())) {
                lines.delete(chain);
            }
        }
    })
}

/// From whatever stands to nothing; the user's chain stays in force where it has rules.
pub(super) fn nothing(standing: &Standing) -> String {
    tables(|table, lines| {
        let here = standing.of(table);
        let stays = |chain: &str| chain == USER && here.user_rules;
        for (from, rule) in &here.jumps {
            let target = rule.rsplit(' ').next().unwrap_or_default();
            if !stays(target) {
                lines.change(format_args!("-D {from} {rule}"));
            }
        }
        for chain in here.chains.iter().filter(|chain| !stays(chain)) {
            lines.delete(chain);
        }
    })
}

fn tables(write: impl Fn(Table, &mut Lines)) -> String {
    let mut text = String::new();
    for table in Table::ALL {
        let mut lines = Lines::default();
        write(table, &mut lines);
        let Lines {
            declared,
            changed,
            deleted,
        } = lines;
        if !(declared.is_empty() && changed.is_empty() && deleted.is_empty()) {
            text += &format!("*{table}\n{declared}{changed}{deleted}COMMIT\n");
        }
    }
    text
}

impl Lines {
    fn rewrite(&mut self, chain: &str, rules: &[String]) {
        debug_assert!(chain.starts_with(OURS), "{chain} is not ours");
        self.declare(chain);
        for rule in rules {
            self.change(format_args!("-A {chain} {rule}"));
        }
    }

    /// That the jumps and the first rule of each chain are there: who flushes takes all of them.
    fn check(&mut self, old: &Ruleset, table: Table, family: Family) {
        for jump in family.jumps().iter().filter(|jump| jump.table == table) {
            self.change(format_args!("-C {} {}", jump.from, jump.rule));
        }
        for (chain, rules) in old.of_table(table) {
            if let Some(first) = rules.first() {
                self.change(format_args!("-C {chain} {first}"));
            }
        }
    }

    /// Takes out and puts in what differs; all of it where that is more than half, or the rest changed places.
    fn edit(&mut self, chain: &str, old: &[String], new: &[String]) {
        let (before, after): (BTreeSet<_>, BTreeSet<_>) =
            (old.iter().collect(), new.iter().collect());
        let kept = old.iter().filter(|rule| after.contains(rule));
        let in_place = kept.eq(new.iter().filter(|rule| before.contains(rule)));
        let edits = before.symmetric_difference(&after).count();
        if !in_place || edits > new.len() / 2 {
            return self.rewrite(chain, new);
        }
        for rule in old.iter().filter(|rule| !after.contains(rule)) {
            self.change(format_args!("-D {chain} {rule}"));
        }
        for (place, rule) in (1..).zip(new) {
            if !before.contains(rule) {
                self.change(format_args!("-I {chain} {place} {rule}"));
            }
        }
    }

    fn delete(&mut self, chain: &str) {
        self.declare(chain);
        let _ = writeln!(self.deleted, "-X {chain}");
    }

    fn declare(&mut self, chain: &str) {
        let _ = writeln!(self.declared, ":{chain} - [0:0]");
    }

    fn change(&mut self, line: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.changed, "{line}");
    }
}
