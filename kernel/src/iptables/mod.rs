//! The firewall for hosts whose own rules are iptables': chains of rnet's own, and one jump to each where it belongs.
//!
//! ```text
//! policy ── render ───▶ the rules of each chain ── batch ──▶ what differs ── programs ──▶ iptables-restore --noflush
//!             forward, published, postrouting      ▲
//!                         memory: what was written, and by its pulse, whether that still stands
//!                         standing: what is there, asked where nothing is remembered
//! watch    tells of others' deletions            sweep    removes what another backend left
//! ```

mod batch;
mod forward;
mod memory;
mod missing;
mod postrouting;
mod programs;
mod published;
mod pulse;
mod render;
mod ruleset;
mod standing;
mod sweep;
mod watch;
mod writers;

use std::fmt::Write;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use rnet_model::FirewallPolicy;

use crate::{Firewall, KernelError, Nftables, Watch, nft};
use memory::{Applied, Memory};
pub use programs::Variant;
use programs::{Kind, Programs, at_home};
use pulse::Pulse;
use ruleset::{Family, Ruleset, Table};
pub(crate) use sweep::sweep;
use watch::Watched;
use writers::Writers;

/// The firewall of one network namespace, by iptables.
///
/// **Contract:** each table changes in one step, those that protect before those that translate. It remembers what
/// it applied, so that only the difference is sent; that its chains or the jumps to them are not what it left is
/// found out by the next change, and repaired by writing all of them again. It never touches a chain of others, but
/// for its jumps, nor `RNET-USER` once that exists.
pub struct Iptables {
    home: File,
    /// IPv4's come first.
    families: Vec<Programs>,
    memory: Memory,
    writers: Arc<Writers>,
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
        let writers = Arc::default();
        let mut families = vec![Programs::find(Family::V4, variant, &writers)?];
        // a kernel told to do without IPv6 (ipv6.disable=1) has no tables for it either
        if Path::new("/proc/net/if_inet6").exists() {
            families.push(Programs::find(Family::V6, variant, &writers)?);
        }
        if let Err(error) = nft::open() {
            tracing::warn!("containers on user-defined networks will not start: {error}");
        }
        let pulse = Pulse::find(families[0].kind, families.iter().map(|it| it.family));
        Ok(Self {
            home,
            families,
            memory: Memory::new(pulse),
            writers,
        })
    }

    /// The rules of a policy as `iptables-save` and `ip6tables-save` would show them.
    pub fn render(policy: &FirewallPolicy) -> Result<String, KernelError> {
        render::check(policy)?;
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
            let write = || {
                let standing = programs.standing(&Table::ALL)?;
                programs.restore(&batch::whole(&wanted, &standing, programs.family))
            };
            // once more, for others may have written between the look and the deed
            write()
                .or_else(|_| write())
                .map_err(|refusal| missing::explain(programs, refusal))
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
}

impl Firewall for Iptables {
    fn apply(&self, policy: &FirewallPolicy) -> Result<(), KernelError> {
        render::check(policy)?;
        let mut applied = self.memory.applied();
        match applied.take() {
            None => self.replace(policy)?,
            Some(old) => {
                let doubts = old.beat.is_none() || old.beat != self.memory.feel();
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
            beat: self.memory.feel(),
        });
        Ok(())
    }

    fn restore(&self, policy: &FirewallPolicy) -> Result<(), KernelError> {
        *self.memory.applied() = None;
        self.apply(policy)
    }

    fn remove(&self) -> Result<(), KernelError> {
        let mut applied = self.memory.applied();
        *applied = None;
        self.each(|programs| {
            let standing = programs.standing(&Table::ALL)?;
            programs.restore(&batch::nothing(&standing))
        })
    }

    /// nf_tables tells who deletes what; ip_tables does not.
    fn watch(&self) -> Result<Option<Box<dyn Watch>>, KernelError> {
        if self.families[0].kind == Kind::Legacy {
            return Ok(None);
        }
        at_home(&self.home, || {
            let watched = Watched::new(Arc::clone(&self.writers));
            let watched = watched.map_err(|source| KernelError::WatchNetfilter { source })?;
            Ok(Some(Box::new(watched) as Box<dyn Watch>))
        })
    }

    fn supersede(&self) -> Result<(), KernelError> {
        let kept = Some(self.families[0].kind);
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
    let user = (table == Table::Mangle).then_some((ruleset::USER, &[][..]));
    let chains: Vec<(&str, &[String])> = user.into_iter().chain(rules.of_table(table)).collect();
    if chains.is_empty() {
        return;
    }
    let _ = writeln!(text, "*{table}");
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
