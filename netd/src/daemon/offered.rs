//! Guests that take their interface themselves: what is said of them one call at a time.

use bollard_stubs::models::PortMap;
use rnet_model::{EndpointId, NetworkId, Sandbox};

use super::Daemon;
use super::ports::{Families, PortRequest};
use crate::error::{Error, Result};

impl Daemon {
    /// Publishes ports for a guest, as in a container's `HostConfig.PortBindings`: what of them it has not published
    /// yet, or nothing.
    pub fn publish_guest(&self, runtime: &str, reference: &str, ports: &PortMap) -> Result<()> {
        self.with_guest(runtime, reference, |guest| {
            self.publish_beside(guest, ports)
        })
    }

    /// The same, for a guest that is held.
    pub(super) fn publish_beside(&self, guest: &Sandbox, ports: &PortMap) -> Result<()> {
        let mut families = Families::default();
        let networks: Vec<NetworkId> = self.read(|state| -> Result<_> {
            let endpoints = state.endpoints_of(guest.id);
            let mut networks = endpoints.filter_map(|it| state.network(it.network));
            networks.try_for_each(|it| families.add(it))?;
            Ok(state.endpoints_of(guest.id).map(|it| it.network).collect())
        })?;
        let held_by_client = guest.guest.as_ref().is_some_and(|it| it.holds_ports);
        let wanted = PortRequest::parse(Some(ports), None)?.into_iter();
        let wanted = wanted.map(|it| PortRequest {
            held_by_client,
            ..it
        });
        let wanted = self.bound(wanted.collect(), networks.into_iter())?;
        self.publish_more(guest.id, &wanted, families).map(drop)
    }

    /// Withdraws all ports of a guest.
    pub fn withdraw_guest(&self, runtime: &str, reference: &str) -> Result<()> {
        self.with_guest(runtime, reference, |guest| {
            self.publish_less(guest.id, &[]);
            Ok(())
        })
    }

    /// Lets an interface exist that its runtime is about to take, whatever became of it since it was made.
    pub fn offer_again(&self, endpoint: EndpointId) -> Result<()> {
        let found = self.read(|state| state.endpoint(endpoint).map(|it| it.resources.clone()));
        let resources = found.ok_or_else(|| Error::NotFound {
            kind: "endpoint",
            reference: endpoint.to_string(),
        })?;
        self.build_endpoints(&resources, &[endpoint])
    }

    /// Does something with a guest, one at a time.
    fn with_guest<T>(
        &self,
        runtime: &str,
        reference: &str,
        work: impl FnOnce(&Sandbox) -> Result<T>,
    ) -> Result<T> {
        let container = self.find_guest_of(Some(runtime), reference)?.container;
        self.hold_guest(container, |guest| work(&guest))
    }
}
