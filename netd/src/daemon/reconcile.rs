//! After a start: finish what was begun, sweep what nobody recorded, rebuild what is missing.

use std::collections::BTreeSet;
use std::sync::Arc;

use rnet_kernel::Owned;
use rnet_model::{Endpoint, EndpointId, Object, Phase, Resource, Sandbox, SandboxId};

use super::Daemon;
use super::guest::is_cut_off;
use crate::error::{Result, chain};

/// How many sandboxes are seen to at a time: each waits for the kernel more than it computes.
const WORKERS: usize = 16;

/// What a reconcile changed; all zero when it is done a second time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// Sandboxes removed because their container is gone.
    pub sandboxes: usize,
    /// Endpoints removed because they were on their way in or out.
    pub endpoints: usize,
    /// Kernel objects removed because nobody recorded them.
    pub orphans: usize,
}

impl Daemon {
    /// Makes machine and records agree.
    ///
    /// **Contract:** twice changes nothing. A failure with one object is logged and does not keep the others from
    /// being put right.
    pub(super) fn reconcile(self: &Arc<Self>) -> Result<Report> {
        let mut report = Report::default();
        self.resume_names();
        self.make_predefined_networks()?;
        self.take_up_containers()?;
        let left = self.left_guests().into_iter().map(|guest| guest.id);
        for sandbox in left.chain(self.abandoned_sandboxes()) {
            self.undo(sandbox, &[], true);
            report.sandboxes += 1;
        }
        for (sandbox, endpoint) in self.unsettled_endpoints() {
            self.undo(sandbox, &[endpoint], false);
            report.endpoints += 1;
        }
        self.watch_guests();
        self.protect()?;
        self.rebuild();
        report.orphans = self.sweep()?;
        self.settle_with_plugins();
        self.restart_all()?;
        Ok(report)
    }

    /// Sandboxes that no running container calls its own, and guests that never were told of.
    fn abandoned_sandboxes(&self) -> Vec<SandboxId> {
        self.read(|state| {
            let owners = state
                .containers()
                .filter_map(|container| container.run.sandbox());
            let owned: BTreeSet<SandboxId> = owners.collect();
            state
                .sandboxes()
                .filter(|sandbox| match sandbox.guest {
                    None => !owned.contains(&sandbox.id),
                    Some(_) => is_cut_off(state, sandbox),
                })
                .map(|sandbox| sandbox.id)
                .collect()
        })
    }

    /// Endpoints on their way in or out, and those on networks that their container is not recorded to be on: a
    /// connect was interrupted before it was recorded, or a disconnect after.
    fn unsettled_endpoints(&self) -> Vec<(SandboxId, EndpointId)> {
        self.read(|state| {
            let asked_for = |endpoint: &Endpoint| {
                let sandbox = state.sandbox(endpoint.sandbox);
                let container = sandbox.and_then(|sandbox| state.container(sandbox.container));
                let is_guest = sandbox.is_some_and(|sandbox| sandbox.guest.is_some());
                is_guest || container.is_none_or(|it| it.networks.contains_key(&endpoint.network))
            };
            let settled = |it: &Endpoint| it.phase == Phase::Attached && asked_for(it);
            let unsettled = state.endpoints().filter(|it| !settled(it));
            unsettled
                .map(|endpoint| (endpoint.sandbox, endpoint.id))
                .collect()
        })
    }

    /// Lets everything on record exist, and lets the parts of it that die with a daemon live again.
    fn rebuild(&self) {
        let networks: Vec<(String, Vec<Resource>)> = self.read(|state| {
            state
                .networks()
                .map(|it| (it.name.clone(), it.resources.clone()))
                .collect()
        });
        for (name, resources) in networks {
            if let Err(error) = self.hands.kernel.ensure_all(&resources) {
                tracing::error!(network = name, "not rebuilt: {}", chain(&error));
            }
        }
        let sandboxes: Vec<_> = self.read(|state| state.sandboxes().cloned().collect());
        side_by_side(&sandboxes, |sandbox| self.rebuild_sandbox(sandbox));
    }

    fn rebuild_sandbox(&self, sandbox: &Sandbox) {
        let (ids, endpoints): (Vec<_>, Vec<_>) = self.read(|state| {
            let endpoints = state.endpoints_of(sandbox.id);
            endpoints
                .map(|endpoint| (endpoint.id, endpoint.resources.clone()))
                .unzip()
        });
        let is_route = |it: &Resource| matches!(it.object, Object::Route { .. });
        let (routes, own): (Vec<_>, Vec<_>) = sandbox.resources.iter().cloned().partition(is_route);
        let resources: Vec<_> = own
            .into_iter()
            .chain(endpoints.into_iter().flatten())
            .chain(routes)
            .collect();
        let rebuilt = self.hands.kernel.ensure_all(&resources).map_err(Into::into);
        if let Err(error) = rebuilt.and_then(|()| self.publish_names(sandbox.id, &ids)) {
            let id = sandbox.id.short();
            tracing::error!(sandbox = id, "not rebuilt: {}", chain(&error));
        }
        if let Err(error) = self.lead_ports_again(sandbox) {
            let id = sandbox.id.short();
            tracing::error!(sandbox = id, "ports not led again: {}", chain(&error));
        }
    }

    /// Removes marked kernel objects that nobody recorded, and the rules of another backend.
    fn sweep(&self) -> Result<usize> {
        let recorded: BTreeSet<Owned> = self.read(|state| {
            let networks = state.networks().flat_map(|it| &it.resources);
            let sandboxes = state.sandboxes().flat_map(|it| &it.resources);
            let endpoints = state.endpoints().flat_map(|it| &it.resources);
            networks
                .chain(sandboxes)
                .chain(endpoints)
                .flat_map(Owned::of)
                .collect()
        });
        let owned = self.hands.kernel.owned()?;
        let orphans: Vec<_> = owned
            .into_iter()
            .filter(|it| !recorded.contains(it))
            .collect();
        let errors = self.hands.kernel.sweep(&orphans);
        for error in errors
            .into_iter()
            .chain(self.hands.firewall.supersede().err())
        {
            tracing::warn!("not swept: {}", chain(&error));
        }
        Ok(orphans.len())
    }
}

/// Does something with each of `all`, many at a time.
pub(super) fn side_by_side<T: Sync>(all: &[T], work: impl Fn(&T) + Sync) {
    let work = &work;
    std::thread::scope(|scope| {
        for share in all.chunks(all.len().div_ceil(WORKERS).max(1)) {
            scope.spawn(move || share.iter().for_each(work));
        }
    });
}
