//! Finding objects as users name them: by whole id, by name, or by the first digits of an id.

use rnet_model::Network;

use super::Daemon;
use crate::container::Container;
use crate::error::{Error, Result};
use crate::state::State;

impl Daemon {
    /// The network of that id, name, or beginning of an id.
    pub fn find_network(&self, reference: &str) -> Result<Network> {
        network(&self.state(), reference).cloned()
    }

    /// The container of that id, name (a leading slash is allowed), or beginning of an id.
    pub fn find_container(&self, reference: &str) -> Result<Container> {
        container(&self.state(), reference).cloned()
    }
}

pub(super) fn network<'a>(state: &'a State, reference: &str) -> Result<&'a Network> {
    let id = |network: &Network| network.id.to_string();
    let found = find(state.networks(), reference, id, |network| {
        network.name == reference
    });
    found.map_err(|matches| match matches {
        0 => Error::no_such_network(reference),
        _ => Error::Ambiguous {
            kind: "network",
            reference: reference.to_owned(),
            matches,
        },
    })
}

pub(super) fn container<'a>(state: &'a State, reference: &str) -> Result<&'a Container> {
    let name = reference.strip_prefix('/').unwrap_or(reference);
    let id = |container: &Container| container.id.to_string();
    let found = find(state.containers(), reference, id, |container| {
        container.name == name
    });
    found.map_err(|matches| match matches {
        0 => Error::NoSuchContainer(reference.to_owned()),
        _ => Error::Ambiguous {
            kind: "container",
            reference: reference.to_owned(),
            matches,
        },
    })
}

/// The one object meant by `reference`, or how many it could mean.
fn find<'a, T>(
    objects: impl Iterator<Item = &'a T> + Clone,
    reference: &str,
    id: impl Fn(&T) -> String,
    is_named: impl Fn(&T) -> bool,
) -> std::result::Result<&'a T, usize> {
    if let Some(object) = objects.clone().find(|object| id(object) == reference) {
        return Ok(object);
    }
    if let Some(object) = objects.clone().find(|object| is_named(object)) {
        return Ok(object);
    }
    let begun: Vec<&T> = objects
        .filter(|object| !reference.is_empty() && id(object).starts_with(reference))
        .collect();
    match begun[..] {
        [object] => Ok(object),
        _ => Err(begun.len()),
    }
}
