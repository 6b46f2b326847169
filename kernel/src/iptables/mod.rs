//! The firewall for hosts whose own rules are iptables': chains of rnet's own, and one jump to each where it belongs.
//!
//! ```text
//! policy ── ruleset ──▶ the rules of each chain ── batch ──▶ what differs ── programs ──▶ iptables-restore --noflush
//!             forward, published, postrouting                     ▲
//!                                         standing: what is there, asked when it is not remembered
//! ```

mod batch;
mod forward;
mod postrouting;
mod programs;
mod published;
mod ruleset;
mod standing;

use std::fmt::Write;
use std::fs::File;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rnet_model::FirewallPolicy;

use crate::{Firewall, KernelError, Watch};
pub use programs::Variant;
use programs::{Programs, at_home};
use ruleset::{Family, Ruleset, Table};

/// The firewall of one network namespace, by iptables.
///
/// **Contract:** each table changes in one step, those that protect before those that translate. It remembers what
/// it applied, so that only the difference is sent; that its chains or the jumps to them are not what it left is
/// found out by the next change, and repaired by writing all of them again. It never touches a chain of others, but
/// for its jumps, nor `RNET-USER` once that exists.
pub struct Iptables {
    home: File,
    families: Vec<Programs>,
    /// By family; none until all was written.
    applied: Mutex<Option<Vec<Ruleset>>>,
}

impl Iptables {
    /// The firewall of the network namespace the calling thread is in, now and later, by the host's `iptables`.
    pub fn open() -> Result<Self, KernelError> {
        Self::open_variant(Variant::Default)
    }

    /// The same by programs of one's choice.
    pub fn open_variant(variant: Variant) -> Result<Self, KernelError> {
        let path = Path::new("/proc/thread-self/ns/net");
        let home = File::open(path).map_err(|source| KernelError::OpenNamespace {
            path: path.to_owned(),
            source,
        })?;
        let mut families = vec![Programs::find(Family::V4, variant)?];
        // a kernel told to do without IPv6 (ipv6.disable=1) has no tables for it either
        if Path::new("/proc/net/if_inet6").exists() {
            families.push(Programs::find(Family::V6, variant)?);
        }
        Ok(Self {
            home,
            families,
            applied: Mutex::new(None),
        })
    }

    /// The rules of a policy as `iptables-save` and `ip6tables-save` would show them.
    pub fn render(policy: &FirewallPolicy) -> Result<String, KernelError> {
        let mut text = String::new();
        for family in [Family::V4, Family::V6] {
            let rules = Ruleset::of(policy, family)?;
            let _ = writeln!(text, "# {}-save", family.program());
            for table in Table::ALL {
                render_table(&mut text, &rules, family, table);
            }
        }
        Ok(text)
    }

    fn replace(&self, wanted: &[Ruleset]) -> Result<(), KernelError> {
        for (programs, wanted) in self.families.iter().zip(wanted) {
            let standing = programs.standing()?;
            programs.restore(&batch::whole(wanted, &standing, programs.family))?;
        }
        Ok(())
    }

    fn update(&self, old: &[Ruleset], new: &[Ruleset]) -> Result<(), KernelError> {
        for ((programs, old), new) in self.families.iter().zip(old).zip(new) {
            programs.restore(&batch::difference(old, new, programs.family))?;
        }
        Ok(())
    }
}

impl Firewall for Iptables {
    fn apply(&self, policy: &FirewallPolicy) -> Result<(), KernelError> {
        let families = self.families.iter().map(|programs| programs.family);
        let wanted: Vec<Ruleset> = families
            .map(|family| Ruleset::of(policy, family))
            .collect::<Result<_, _>>()?;
        let mut applied = self.applied.lock().unwrap_or_else(PoisonError::into_inner);
        let old = applied.take();
        at_home(&self.home, || match &old {
            // whatever the reason for a refusal, writing all of it either heals or tells
            Some(old) => self.update(old, &wanted).or_else(|_| self.replace(&wanted)),
            None => self.replace(&wanted),
        })?;
        *applied = Some(wanted);
        Ok(())
    }

    fn restore(&self, policy: &FirewallPolicy) -> Result<(), KernelError> {
        *self.applied.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.apply(policy)
    }

    fn remove(&self) -> Result<(), KernelError> {
        let mut applied = self.applied.lock().unwrap_or_else(PoisonError::into_inner);
        *applied = None;
        at_home(&self.home, || {
            self.families
                .iter()
                .try_for_each(|programs| programs.restore(&batch::nothing(&programs.standing()?)))
        })
    }

    /// The tables of iptables tell nobody who changed them.
    fn watch(&self) -> Result<Option<Box<dyn Watch>>, KernelError> {
        Ok(None)
    }
}

impl std::fmt::Debug for Iptables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Iptables")
            .field("home", &self.home)
            .finish_non_exhaustive()
    }
}

fn render_table(text: &mut String, rules: &Ruleset, family: Family, table: Table) {
    let _ = writeln!(text, "*{table}");
    let user = (table == Table::Mangle).then_some((ruleset::USER, &[][..]));
    let chains: Vec<(&str, &[String])> = user.into_iter().chain(rules.of_table(table)).collect();
    for (chain, _) in &chains {
        let _ = writeln!(text, ":{chain} - [0:0]");
    }
    for jump in family.jumps().iter().filter(|jump| jump.table == table) {
        let _ = writeln!(text, "-A {} {}", jump.from, jump.rule);
    }
    for (chain, rules) in chains {
        for rule in rules {
            let _ = writeln!(text, "-A {chain} {rule}");
        }
    }
    text.push_str("COMMIT\n");
}
