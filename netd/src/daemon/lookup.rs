//! Finding objects as users name them: by whole id, by name, or by the first digits of an id.

use rnet_model::{ContainerId, Guest, Network, Sandbox};

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
    let id = |network: &Network| network.id.bytes();
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
    let id = |container: &Container| container.id.bytes();
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

pub(super) fn guest<'a>(state: &'a State, reference: &str) -> Result<&'a Sandbox> {
    let id = |sandbox: &Sandbox| sandbox.container.bytes();
    let guests = state.sandboxes().filter(|it| it.guest.is_some());
    let found = find(guests, reference, id, |sandbox| {
        let guest = sandbox.guest.as_ref();
        guest.is_some_and(|it| it.name == reference || it.reference == reference)
    });
    found.map_err(|matches| match matches {
        0 => Error::no_such_sandbox(reference),
        _ => Error::Ambiguous {
            kind: "sandbox",
            reference: reference.to_owned(),
            matches,
        },
    })
}

pub(super) fn guest_of(state: &State, container: ContainerId) -> Option<&Sandbox> {
    let mut guests = state.sandboxes().filter(|it| it.guest.is_some());
    guests.find(|it| it.container == container)
}

/// Refuses a guest in a namespace that another one lives in.
pub(super) fn refuse_shared_namespace(state: &State, guest: Option<&Guest>) -> Result<()> {
    let Some((guest, namespace)) = guest.and_then(|it| Some((it, it.namespace.as_ref()?))) else {
        return Ok(());
    };
    let mut guests = state.sandboxes().filter_map(|it| it.guest.as_ref());
    match guests.find(|it| it.inode == guest.inode) {
        None => Ok(()),
        Some(other) => Err(Error::Conflict(format!(
            "network namespace {} is that of sandbox {} already",
            namespace.display(),
            other.name
        ))),
    }
}

/// The one object meant by `reference`, or how many it could mean.
///
/// Ids are compared as they are: there may be thousands of objects, and none of their ids is written out for this.
fn find<'a, T>(
    objects: impl Iterator<Item = &'a T> + Clone,
    reference: &str,
    id: impl Fn(&T) -> [u8; 32],
    is_named: impl Fn(&T) -> bool,
) -> std::result::Result<&'a T, usize> {
    let digits = digits(reference).filter(|digits| digits.len() <= 64);
    let digits = digits.unwrap_or_default();
    let begins = |object: &&T| {
        let id = id(object);
        let own = id.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        !digits.is_empty() && own.zip(&digits).all(|(own, digit)| own == *digit)
    };
    let whole = || {
        objects
            .clone()
            .find(|object| digits.len() == 64 && begins(object))
    };
    if let Some(object) = whole().or_else(|| objects.clone().find(|object| is_named(object))) {
        return Ok(object);
    }
    let begun: Vec<&T> = objects.filter(begins).collect();
    match begun[..] {
        [object] => Ok(object),
        _ => Err(begun.len()),
    }
}

/// The values of lower-case hex digits; none if it is not all such digits.
fn digits(text: &str) -> Option<Vec<u8>> {
    let value = |digit| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    text.bytes().map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_id_comes_before_a_name_and_a_name_before_the_beginning_of_an_id() {
        let id = |first: u8| {
            let mut id = [0; 32];
            id[0] = first;
            id
        };
        let objects = [
            (id(0xab), "web".to_owned()),
            (id(0xac), "ab".to_owned()),
            (id(0xad), "ab".repeat(32)),
            ([0xab; 32], "db".to_owned()),
        ];
        let found = |reference: &str| {
            let named = |it: &([u8; 32], String)| it.1 == reference;
            find(objects.iter(), reference, |it| it.0, named).map(|it| it.0[0])
        };
        assert_eq!(found(&"ab".repeat(32)), Ok(0xab));
        assert_eq!(found("ab"), Ok(0xac));
        assert_eq!(found("ad"), Ok(0xad));
        assert_eq!(found("ad0"), Ok(0xad));
        assert_eq!(found("a"), Err(4));
        assert_eq!(found("aba"), Ok(0xab));
        assert_eq!(found("AD"), Err(0));
        assert_eq!(found(""), Err(0));
        assert_eq!(found("x"), Err(0));
    }
}
