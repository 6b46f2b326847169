//! The one way out: rollback of a failed attach, disconnect, end of a container, and recovery after a crash.
//!
//! It needs no driver and no plan: it removes what is on record. Where a plugin was told something and does not answer now,
//! that much of the record stays, and is undone in the same way later.

use std::collections::BTreeSet;

use rnet_model::{Endpoint, EndpointId, Phase, SandboxId};

use super::Daemon;
use super::plugins::{Debtor, told};
use crate::error::{Error, Result, chain};
use crate::project;
use crate::state::Change;

impl Daemon {
    /// Removes endpoints and, where `whole`, their sandbox with all that is in it; goes on after a failure, and what
    /// a failure leaves in the kernel is swept by the next [`Daemon::reconcile`].
    pub(super) fn undo(&self, sandbox: SandboxId, endpoints: &[EndpointId], whole: bool) {
        let endpoints = if whole {
            self.endpoint_ids(sandbox)
        } else {
            endpoints.to_vec()
        };
        self.announcers.silence(&endpoints);
        for id in self.attached_among(&endpoints) {
            self.tell_of_endpoint("disconnect", id);
        }
        let failures = [
            self.mark_detaching(&endpoints).err(),
            self.withdraw_names(sandbox, &endpoints, whole).err(),
            self.protect().err(),
            // before a link goes: a sandbox that has another way out is never without one
            self.settle_routes(sandbox, whole).err(),
            self.lead_outside_if_it_stays(sandbox, whole).err(),
            self.lead_ports(sandbox).err(),
        ];
        let (unmade, owing) = self.remove_recorded(sandbox, &endpoints, whole);
        let kept = self.drop_records(sandbox, &endpoints, &owing, whole).err();
        for endpoint in &owing {
            self.owing.add(Debtor::Endpoint(sandbox, endpoint.id));
        }
        if whole {
            self.ports.release(sandbox);
        }
        for error in failures.into_iter().flatten().chain(unmade).chain(kept) {
            tracing::warn!(
                sandbox = sandbox.short(),
                "not undone whole: {}",
                chain(&error)
            );
        }
    }

    /// Those that were told of when they came.
    fn attached_among(&self, endpoints: &[EndpointId]) -> Vec<EndpointId> {
        self.read(|state| {
            let known = endpoints.iter().filter_map(|id| state.endpoint(*id));
            let attached = known.filter(|endpoint| endpoint.phase == Phase::Attached);
            attached.map(|endpoint| endpoint.id).collect()
        })
    }

    /// From here on the endpoints count for nothing, and a crash finds them on their way out.
    fn mark_detaching(&self, endpoints: &[EndpointId]) -> Result<()> {
        let mut state = self.state();
        let detaching = endpoints
            .iter()
            .filter_map(|id| state.endpoint(*id))
            .cloned();
        let changes = detaching
            .map(|endpoint| {
                Change::PutEndpoint(Endpoint {
                    phase: Phase::Detaching,
                    ..endpoint
                })
            })
            .collect();
        self.commit(&mut state, changes)
    }

    /// Removes what is on record; the endpoints of which plugins have yet to be told, with that alone.
    fn remove_recorded(
        &self,
        sandbox: SandboxId,
        endpoints: &[EndpointId],
        whole: bool,
    ) -> (Vec<Error>, Vec<Endpoint>) {
        let (mut resources, endpoints) = self.read(|state| {
            let sandbox = state.sandbox(sandbox).filter(|_| whole);
            let own = sandbox.into_iter().flat_map(|it| it.resources.clone());
            let endpoints = endpoints.iter().filter_map(|id| state.endpoint(*id));
            (
                own.collect::<Vec<_>>(),
                endpoints.cloned().collect::<Vec<_>>(),
            )
        });
        let is_told = |it: &Endpoint| it.resources.iter().any(|it| told(it).is_some());
        let (with_plugins, plain): (Vec<_>, Vec<_>) = endpoints.into_iter().partition(is_told);
        let (mut failures, mut owing) = (Vec::new(), Vec::new());
        let mut silent = BTreeSet::new();
        for endpoint in with_plugins.into_iter().rev() {
            let removed = self.remove_resources(&endpoint.resources, &mut silent);
            failures.extend(removed.failures);
            if !removed.owed.is_empty() {
                owing.push(Endpoint {
                    phase: Phase::Detaching,
                    resources: removed.owed,
                    ..endpoint
                });
            }
        }
        resources.extend(plain.into_iter().flat_map(|it| it.resources));
        let unmade = self.remove_resources(&resources, &mut silent);
        failures.extend(unmade.failures);
        (failures, owing)
    }

    fn drop_records(
        &self,
        sandbox: SandboxId,
        endpoints: &[EndpointId],
        owing: &[Endpoint],
        whole: bool,
    ) -> Result<()> {
        let mut changes: Vec<_> = endpoints
            .iter()
            .copied()
            .map(Change::DropEndpoint)
            .collect();
        changes.extend(owing.iter().cloned().map(Change::PutEndpoint));
        changes.extend(whole.then_some(Change::DropSandbox(sandbox)));
        self.commit(&mut self.state(), changes)
    }

    /// Lets plugins of the endpoints that remain know which of them leads out now.
    fn lead_outside_if_it_stays(&self, sandbox: SandboxId, whole: bool) -> Result<()> {
        if whole {
            Ok(())
        } else {
            self.lead_outside(sandbox)
        }
    }

    /// Lets the default routes of a sandbox that stays be the ones its endpoints give it.
    fn settle_routes(&self, id: SandboxId, whole: bool) -> Result<()> {
        if whole {
            return Ok(());
        }
        let wanted = {
            let mut state = self.state();
            let Some(sandbox) = state.sandbox(id) else {
                return Ok(());
            };
            let wanted = project::default_routes(&state, id, state.endpoints_of(id));
            if sandbox.routes().eq(&wanted) {
                return Ok(());
            }
            let mut sandbox = sandbox.clone();
            sandbox.replace_routes(wanted.clone());
            self.commit(&mut state, vec![Change::PutSandbox(sandbox)])?;
            wanted
        };
        Ok(self.hands.kernel.ensure_all(&wanted)?)
    }

    fn endpoint_ids(&self, sandbox: SandboxId) -> Vec<EndpointId> {
        self.read(|state| {
            state
                .endpoints_of(sandbox)
                .map(|endpoint| endpoint.id)
                .collect()
        })
    }
}
