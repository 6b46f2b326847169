//! Networks that others' routes lead into: a VPN came up, or a subnet was given in spite of a route.
//!
//! Neither is put right: who is to move is for people to say. They are told in the log when it happens, and by
//! `network create`, `network inspect` and `info` as long as it lasts.

use std::collections::BTreeSet;
use std::fmt;
use std::os::fd::AsFd;
use std::sync::{Arc, MutexGuard, PoisonError};

use rnet_ipam::Space;
use rnet_kernel::{HostRoute, KernelError};
use rnet_model::{Cidr, IfName, Network, NetworkId};

use super::Daemon;
use super::network::find_driver;
use crate::error::Result;
use crate::state::State;

/// A subnet of a network, and a route of others that shares addresses with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Conflict {
    id: NetworkId,
    network: String,
    subnet: Cidr,
    route: HostRoute,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            network,
            subnet,
            route,
            ..
        } = self;
        let destination = route.destination;
        write!(
            f,
            "subnet {subnet} of network {network} overlaps the host's route to {destination}"
        )?;
        if let Some(link) = &route.link {
            write!(f, " by {link}")?;
        }
        write!(
            f,
            " (table {}): where they overlap, one of them cannot be reached; give the network another subnet",
            route.table
        )
    }
}

impl Daemon {
    /// The routes of others that lead into a network now, if any ever did since the daemon started.
    pub fn lasting_conflicts_of(&self, network: &Network) -> Result<Vec<Conflict>> {
        if !self.conflicting().contains(&network.id) {
            return Ok(Vec::new());
        }
        self.conflicts_of(network)
    }

    /// The routes of others that lead into any network now, if any ever did since the daemon started.
    pub fn lasting_conflicts(&self) -> Result<Vec<Conflict>> {
        if self.conflicting().is_empty() {
            return Ok(Vec::new());
        }
        self.conflicts()
    }

    /// The routes of others that lead into a network now.
    pub fn conflicts_of(&self, network: &Network) -> Result<Vec<Conflict>> {
        let subnets: Vec<_> = subnets(network).collect();
        if subnets.is_empty() {
            return Ok(Vec::new());
        }
        let routes = self.hands.host.routes_over(&subnets)?;
        let routes: Vec<_> = routes.iter().filter(|it| leads_somewhere(it)).collect();
        Ok(self.noted(conflicts([network], &routes).collect()))
    }

    fn conflicts(&self) -> Result<Vec<Conflict>> {
        let everywhere = ["0.0.0.0/0", "::/0"].map(|it| it.parse().expect("it is a subnet"));
        let routes = self.hands.host.routes_over(&everywhere)?;
        Ok(self.read(|state| conflicts_among(state, &routes)))
    }

    /// Tells of the conflicts there are, and from now on of each that comes, as long as the daemon's tasks run.
    pub(super) fn watch_routes(self: &Arc<Self>) -> Result<()> {
        let Some(mut watch) = self.hands.host.watch_routes()? else {
            return Ok(());
        };
        self.warn(self.conflicts()?);
        let bell = watch.as_fd().try_clone_to_owned();
        let listening = bell.and_then(|bell| {
            self.listen(bell, move |daemon| {
                let heard = watch.heard()?;
                daemon.warn(daemon.conflicts_with(heard.as_deref())?);
                Ok(())
            })
        });
        Ok(listening.map_err(|source| KernelError::WatchRoutes { source })?)
    }

    fn warn(&self, conflicts: Vec<Conflict>) {
        for conflict in self.noted(conflicts) {
            tracing::warn!("{conflict}");
        }
    }

    /// Notes which networks are in conflict, so that nobody lists the host's routes for the sake of others.
    fn noted(&self, conflicts: Vec<Conflict>) -> Vec<Conflict> {
        self.conflicting().extend(conflicts.iter().map(|it| it.id));
        conflicts
    }

    fn conflicting(&self) -> MutexGuard<'_, BTreeSet<NetworkId>> {
        self.conflicting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The conflicts that these routes make; all there are, if nobody knows which came.
    fn conflicts_with(&self, heard: Option<&[HostRoute]>) -> Result<Vec<Conflict>> {
        match heard {
            Some(routes) => Ok(self.read(|state| conflicts_among(state, routes))),
            None => self.conflicts(),
        }
    }
}

/// What these routes overlap of all networks: only those are looked at that lead into one and not by its own link.
fn conflicts_among(state: &State, routes: &[HostRoute]) -> Vec<Conflict> {
    let own = |route: &HostRoute| {
        let link = route.link.as_ref();
        let network = link.and_then(|link| state.network_of(link));
        network.is_some_and(|it| Space::from_iter(subnets(it)).overlaps(route.destination))
    };
    let into = |it: &&HostRoute| leads_somewhere(it) && state.subnets().overlaps(it.destination);
    let routes: Vec<_> = routes.iter().filter(into).filter(|it| !own(it)).collect();
    match routes.is_empty() {
        true => Vec::new(),
        false => conflicts(state.networks(), &routes).collect(),
    }
}

fn conflicts<'a>(
    networks: impl IntoIterator<Item = &'a Network>,
    routes: &[&HostRoute],
) -> impl Iterator<Item = Conflict> {
    let subnets = networks
        .into_iter()
        .flat_map(|network| network.subnets.iter().map(move |it| (network, it.subnet)));
    subnets.flat_map(move |(network, subnet)| {
        let space = Space::from_iter([subnet]);
        let into = routes.iter().filter(|it| space.overlaps(it.destination));
        let into: Vec<_> = into.copied().cloned().collect();
        // a network without a link of its own is somebody else's to begin with
        let own = (!into.is_empty()).then(|| link(network)).flatten();
        let foreign = into
            .into_iter()
            .filter(move |it| own.is_some() && it.link != own);
        foreign.map(move |route| Conflict {
            id: network.id,
            network: network.name.clone(),
            subnet,
            route,
        })
    })
}

fn subnets(network: &Network) -> impl Iterator<Item = Cidr> + '_ {
    network.subnets.iter().map(|it| it.subnet)
}

/// Whether it is not a default route, nor one of the halves that VPNs put before it.
fn leads_somewhere(route: &HostRoute) -> bool {
    route.destination.prefix() > 1
}

/// The link that a network's own routes leave by.
fn link(network: &Network) -> Option<IfName> {
    let driver = find_driver(&network.driver).ok()?;
    driver.host_interface(network).ok().flatten()
}
