//! Names of containers: their grammar, that each is one container's only, and what a nameless one is called.

use crate::error::{Error, Result};
use crate::state::State;

const MOODS: [&str; 24] = [
    "brisk", "calm", "clear", "curious", "deft", "eager", "fair", "gentle", "glad", "hardy",
    "keen", "kind", "lively", "lucid", "mellow", "nimble", "patient", "quick", "quiet", "sound",
    "steady", "sunny", "vivid", "wise",
];

const THINGS: [&str; 24] = [
    "acorn", "beacon", "birch", "brook", "cedar", "comet", "delta", "ember", "fjord", "harbor",
    "heron", "island", "lantern", "maple", "meadow", "otter", "pebble", "prairie", "raven", "reef",
    "river", "summit", "thistle", "willow",
];

/// The name as asked for, or a free one where none is.
pub(super) fn choose(state: &State, name: Option<&str>) -> Result<String> {
    match name {
        None => Ok(free_name(state)),
        Some(name) => {
            let name = name.strip_prefix('/').unwrap_or(name);
            check_name(state, name)?;
            Ok(name.to_owned())
        }
    }
}

/// Refuses a name outside the grammar (moby, daemon/names), or of another container.
pub(in crate::daemon::container) fn check_name(state: &State, name: &str) -> Result<()> {
    let is_word = |c: char| c.is_ascii_alphanumeric();
    let begins = name.starts_with(is_word);
    let goes_on = name
        .chars()
        .skip(1)
        .all(|c| is_word(c) || matches!(c, '_' | '.' | '-'));
    if !(begins && goes_on && name.len() > 1) {
        return Err(Error::invalid(format!(
            "Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
        )));
    }
    match state.containers().find(|container| container.name == name) {
        None => Ok(()),
        Some(other) => Err(Error::Conflict(format!(
            "Conflict. The container name \"/{name}\" is already in use by container \"{}\". \
             You have to remove (or rename) that container to be able to reuse that name.",
            other.id
        ))),
    }
}

fn free_name(state: &State) -> String {
    let names = (0_u32..).map(|attempt| {
        let [mood, thing] = crate::daemon::random_bytes::<2>().map(usize::from);
        let name = format!(
            "{}_{}",
            MOODS[mood % MOODS.len()],
            THINGS[thing % THINGS.len()]
        );
        // the more names are gone, the longer they get
        if attempt < 8 {
            name
        } else {
            format!("{name}{attempt}")
        }
    });
    let is_free = |name: &String| state.containers().all(|container| container.name != *name);
    { names }
        .find(is_free)
        .expect("there are more names than containers")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_grammar() {
        let state = State::default();
        for name in ["c1", "my_web-1.x", "0a"] {
            assert!(check_name(&state, name).is_ok(), "{name}");
        }
        for name in ["", "a", "-a", "a/b", "a b", "é1", "/c1", ".."] {
            assert!(check_name(&state, name).is_err(), "{name:?}");
        }
        assert_eq!(choose(&state, Some("/web")).unwrap(), "web");
    }

    #[test]
    fn a_nameless_container_gets_a_valid_name() {
        let state = State::default();
        for _ in 0..100 {
            let name = choose(&state, None).unwrap();
            assert!(check_name(&state, &name).is_ok(), "{name}");
        }
    }
}
