//! The remote driver: networks of plugins, which make their links themselves.
//!
//! Its answers are what a plugin is told, and what is done with the link that the plugin names when an endpoint joins.

use std::iter::once;

use rnet_model::{Borrowed, Endpoint, HostFacts, Joined, Network, Object, Resource, Step, Told};

use crate::inside::inside;
use crate::{Driver, DriverError};

/// Answers for every network whose driver is none of rnet's.
pub struct Remote;

impl Driver for Remote {
    fn name(&self) -> &'static str {
        "remote"
    }

    fn is_singleton(&self) -> bool {
        false
    }

    fn network_resources(
        &self,
        network: &Network,
        _facts: &HostFacts,
    ) -> Result<Vec<Resource>, DriverError> {
        Ok(vec![told(network, Step::Network(network.id))])
    }

    /// What the plugin is told stands around the link that it makes: it is told to leave before it gets that link back,
    /// and to delete its endpoint after (libnetwork, `endpoint.go`, `sbLeave`).
    fn endpoint_resources(
        &self,
        network: &Network,
        endpoint: &Endpoint,
        facts: &HostFacts,
    ) -> Result<Vec<Resource>, DriverError> {
        let step = |step: fn(_, _) -> Step| told(network, step(network.id, endpoint.id));
        let link = match &endpoint.joined {
            Some(joined) => link(endpoint, joined, facts)?,
            None => Vec::new(),
        };
        Ok(once(step(Step::Endpoint))
            .chain(link)
            .chain(once(step(Step::Joined)))
            .collect())
    }
}

fn told(network: &Network, step: Step) -> Resource {
    Resource::host(Object::Told(Told {
        plugin: network.driver.clone(),
        step,
    }))
}

/// The link the plugin made, taken into the sandbox; nothing if it made none.
fn link(
    endpoint: &Endpoint,
    joined: &Joined,
    facts: &HostFacts,
) -> Result<Vec<Resource>, DriverError> {
    let Some(name) = joined.link.clone() else {
        return Ok(Vec::new());
    };
    let borrowed = Object::Borrowed(Borrowed {
        name,
        sandbox: endpoint.sandbox,
        ifname: endpoint.ifname.clone(),
        mac: joined.mac,
    });
    let routes = joined.routes.iter().map(|(destination, gateway)| {
        let route = Object::Route {
            destination: *destination,
            gateway: *gateway,
            link: endpoint.ifname.clone(),
        };
        Resource::sandbox(endpoint.sandbox, route)
    });
    Ok(once(Resource::host(borrowed))
        .chain(inside(endpoint, facts)?)
        .chain(routes)
        .collect())
}

#[cfg(test)]
mod tests;
