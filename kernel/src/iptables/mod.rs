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
mod pulse;
mod ruleset;
mod standing;
mod sweep;

use std::fmt::Write;
use std::fs::File;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rnet_model::FirewallPolicy;

use crate::{Firewall, KernelError, Nftables, Watch, nft};
pub use programs::Variant;
use programs::{Programs, at_home};
use pulse::{Beat, Pulse};
use ruleset::{Family, Ruleset, Table};
pub(crate) use sweep::sweep;

/// The firewall of one network namespace, by iptables.
///
/// **Contract:** each table changes in one step, those that protect before those that translate. It remembers what
/// it applied, so that only the difference is sent; that its chains or the jumps to them are not what it left is
/// found out by the next change, and repaired by writing all of them again. It never touches a chain of others, but
/// for its jumps, nor `RNET-USER` once that exists.
pub struct Iptables {
    home: File,
    families: Vec<Programs>,
    pulse: Option<Pulse>,
    /// None until all was written.
    applied: Mutex<Option<Applied>>,
}

/// What was written last.
struct Applied {
    policy: FirewallPolicy,
    /// How the tables were left.
    beat: Option<Beat>,
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
        let pulse = Pulse::find(families[0].kind, families.iter().map(|it| it.family));
        Ok(Self {
            home,
            families,
            pulse,
            applied: Mutex::new(None),
        })
    }

    /// The rules of a policy as `iptables-save` and `ip6tables-save` would show them.
    pub fn render(policy: &FirewallPolicy) -> Result<String, KernelError> {
        ruleset::check(policy)?;
        let mut text = String::new();
        for family in [Family::V4, Family::V6] {
            let rules = Ruleset::of(policy, family);
            let _ = writeln!(text, "# {}-save", family.program());
            for table in Table::ALL {
                render_table(&mut text, &rules, family, table);
            }
        }
        Ok(text)
    }

    /// Writes all of it, whatever was there.
    fn replace(&self, policy: &FirewallPolicy) -> Result<(), KernelError> {
        self.each(|programs| {
            let wanted = Ruleset::of(policy, programs.family);
            let standing = programs.standing(&Table::ALL)?;
            programs.restore(&batch::whole(&wanted, &standing, programs.family))
        })
    }

    /// Sends what differs; with `doubts`, fails where it does not find what is remembered.
    fn update(
        &self,
        old: &FirewallPolicy,
        new: &FirewallPolicy,
        doubts: bool,
    ) -> Result<(), KernelError> {
        self.each(|programs| {
            let family = programs.family;
            let (old, new) = (Ruleset::of(old, family), Ruleset::of(new, family));
            programs.restore(&batch::difference(&old, &new, family, doubts))
        })
    }

    fn each(
        &self,
        work: impl Fn(&Programs) -> Result<(), KernelError> + Sync,
    ) -> Result<(), KernelError> {
        at_home(&self.home, || self.families.iter().try_for_each(&work))
    }

    fn feel(&self) -> Option<Beat> {
        self.pulse.as_ref().and_then(Pulse::feel)
    }
}

impl Firewall for Iptables {
    fn apply(&self, policy: &FirewallPolicy) -> Result<(), KernelError> {
        ruleset::check(policy)?;
        let mut applied = self.applied.lock().unwrap_or_else(PoisonError::into_inner);
        match applied.take() {
            None => self.replace(policy)?,
            Some(old) => {
                let doubts = old.beat.is_none() || old.beat != self.feel();
                if !doubts && old.policy == *policy {
                    *applied = Some(old);
                    return Ok(());
                }
                // whatever the reason for a refusal, writing all of it either heals or tells
                self.update(&old.policy, policy, doubts)
                    .or_else(|_| self.replace(policy))?;
            }
        }
        *applied = Some(Applied {
            policy: policy.clone(),
            beat: self.feel(),
        });
        Ok(())
    }

    fn restore(&self, policy: &FirewallPolicy) -> Result<(), KernelError> {
        *self.applied.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.apply(policy)
    }

    fn remove(&self) -> Result<(), KernelError> {
        let mut applied = self.applied.lock().unwrap_or_else(PoisonError::into_inner);
        *applied = None;
        self.each(|programs| {
            let standing = programs.standing(&Table::ALL)?;
            programs.restore(&batch::nothing(&standing))
        })
    }

    /// The tables of iptables tell nobody who changed them.
    fn watch(&self) -> Result<Option<Box<dyn Watch>>, KernelError> {
        Ok(None)
    }

    fn supersede(&self) -> Result<(), KernelError> {
        let kept = self.families.first().map(|programs| programs.kind);
        at_home(&self.home, || {
            // a kernel without nf_tables has nothing of ours in it
            let Ok(nf_tables) = nft::open() else {
                return Ok(());
            };
            Nftables::open()?.remove()?;
            sweep(&nf_tables, kept)
        })
    }

    fn name(&self) -> &'static str {
        "iptables"
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
