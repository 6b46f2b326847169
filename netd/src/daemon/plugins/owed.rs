//! What plugins are owed: they could not be told that something is gone, and are when they are there again.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use rnet_model::{EndpointId, Network, NetworkId, Resource, SandboxId};
use tokio::sync::Notify;

use super::{is_owed, told};
use crate::daemon::Daemon;
use crate::error::{Error, Result, chain};
use crate::remote::PluginError;
use crate::state::Change;

/// How soon they are tried again, and how seldom at last.
const PAUSES: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(30)];

/// Whose record waits for a plugin.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in crate::daemon) enum Debtor {
    /// An endpoint, in the sandbox it was in.
    Endpoint(SandboxId, EndpointId),
    /// A network.
    Network(NetworkId),
}

/// The records that wait, and that nobody works on.
#[derive(Default)]
pub(in crate::daemon) struct Owing {
    debtors: Mutex<BTreeSet<Debtor>>,
    more: Arc<Notify>,
    /// Held by whoever sees to one of them.
    turn: Mutex<()>,
}

/// What became of resources that were to be removed.
#[derive(Default)]
pub(in crate::daemon) struct Removed {
    /// What went wrong, with the kernel and with plugins.
    pub(in crate::daemon) failures: Vec<Error>,
    /// What plugins have yet to be told, in the order it was recorded.
    pub(in crate::daemon) owed: Vec<Resource>,
}

impl Owing {
    pub(in crate::daemon) fn add(&self, debtor: Debtor) {
        self.debtors().insert(debtor);
        self.more.notify_one();
    }

    /// Takes one, if it waits: it is the caller's to see to now.
    pub(in crate::daemon) fn take(&self, debtor: Debtor) -> bool {
        self.debtors().remove(&debtor)
    }

    /// Waits until nobody sees to any of them.
    pub(in crate::daemon) fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn all(&self) -> BTreeSet<Debtor> {
        self.debtors().clone()
    }

    fn debtors(&self) -> MutexGuard<'_, BTreeSet<Debtor>> {
        self.debtors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Owing {
    fn drop(&mut self) {
        // whoever waits for more sees that there will be none
        self.more.notify_one();
    }
}

impl Daemon {
    /// Makes none of `resources` exist, in reverse order: in the kernel, and with plugins. Goes on after a failure.
    ///
    /// A plugin that did not answer once is not waited for again: it joins the `silent`.
    pub(in crate::daemon) fn remove_resources(
        &self,
        resources: &[Resource],
        silent: &mut BTreeSet<String>,
    ) -> Removed {
        let mut removed = Removed::default();
        let same = |one: &Resource, next: &Resource| told(one).is_some() == told(next).is_some();
        for group in resources.chunk_by(same).rev() {
            if told(&group[0]).is_none() {
                let failures = self.hands.kernel.remove_all(group);
                removed
                    .failures
                    .extend(failures.into_iter().map(Error::from));
                continue;
            }
            for resource in group.iter().rev() {
                let Some(step) = told(resource) else { continue };
                if silent.contains(&step.plugin) {
                    removed.owed.push(resource.clone());
                    continue;
                }
                if let Err(error) = self.plugins.untell(step) {
                    if !error.is_answer() {
                        silent.insert(step.plugin.clone());
                        removed.owed.push(resource.clone());
                    }
                    // a start tells nobody anything: that is no failure
                    if !matches!(error, PluginError::Stopping { .. }) {
                        removed.failures.push(error.into());
                    }
                }
            }
        }
        removed.owed.reverse();
        removed
    }

    /// Finds what the last daemon left unsettled with plugins, lets them be spoken to, and tells them whenever they are
    /// there, for as long as the daemon lives.
    pub(in crate::daemon) fn settle_with_plugins(self: &Arc<Self>) {
        let left: Vec<Debtor> = self.read(|state| {
            let endpoints = state.endpoints().filter(|it| is_owed(it));
            let endpoints = endpoints.map(|it| Debtor::Endpoint(it.sandbox, it.id));
            let networks = state.networks().filter(|it| it.unsettled);
            endpoints
                .chain(networks.map(|it| Debtor::Network(it.id)))
                .collect()
        });
        left.into_iter().for_each(|it| self.owing.add(it));
        self.plugins.open();
        let more = Arc::clone(&self.owing.more);
        self.tasks
            .spawn(settle_whenever_owed(Arc::downgrade(self), more));
    }

    /// Tells what is owed; whether all of it was told.
    fn settle(&self) -> bool {
        for debtor in self.owing.all() {
            let _one_at_a_time = self.owing.turn();
            match debtor {
                // somebody else saw to it
                _ if !self.owing.take(debtor) => {}
                Debtor::Endpoint(sandbox, endpoint) => self.undo(sandbox, &[endpoint], false),
                Debtor::Network(id) => {
                    let network = self.read(|state| state.network(id).cloned());
                    network.iter().for_each(|it| drop(self.remove_network(it)));
                }
            }
        }
        self.owing.debtors().is_empty()
    }

    /// Tells what is owed for the endpoints of a network that goes; where that cannot be and `force` is given, it is
    /// forgotten.
    pub(in crate::daemon) fn settle_endpoints(
        &self,
        network: NetworkId,
        force: bool,
    ) -> Result<()> {
        let owed = || {
            self.read(|state| {
                let owed = state.endpoints_on(network).filter(|it| is_owed(it));
                owed.map(|it| (it.sandbox, it.id)).collect::<Vec<_>>()
            })
        };
        for (sandbox, endpoint) in owed() {
            if self.owing.take(Debtor::Endpoint(sandbox, endpoint)) {
                self.undo(sandbox, &[endpoint], false);
            }
        }
        for (sandbox, endpoint) in owed().into_iter().filter(|_| force) {
            if self.owing.take(Debtor::Endpoint(sandbox, endpoint)) {
                let change = Change::DropEndpoint(endpoint);
                self.commit(&mut self.state(), vec![change])?;
            }
        }
        Ok(())
    }

    /// Whether a network waits for a plugin, and for nobody else: then it is the caller's to see to.
    pub(in crate::daemon) fn take_over(&self, network: &Network) -> bool {
        self.owing.take(Debtor::Network(network.id))
    }
}

async fn settle_whenever_owed(daemon: Weak<Daemon>, more: Arc<Notify>) {
    let [first, last] = PAUSES;
    let mut pause = Duration::ZERO;
    loop {
        if pause.is_zero() {
            more.notified().await;
        } else {
            tokio::time::sleep(pause).await;
        }
        let Some(daemon) = daemon.upgrade() else {
            return;
        };
        let settled = tokio::task::spawn_blocking(move || daemon.settle()).await;
        pause = match settled {
            Ok(true) => Duration::ZERO,
            Ok(false) => (pause * 2).clamp(first, last),
            Err(broken) => return tracing::error!("plugins are not told: {}", chain(&broken)),
        };
    }
}
