//! Who a process runs as, in a shape that fits one message to a process that must not allocate.

use std::ffi::CStr;

use rustix::process::{Gid, Uid};

use crate::RuntimeError;

const MOST_GROUPS: usize = 64;
const LONGEST_HOME: usize = 256;

/// The size of an identity on the wire, in bytes.
pub(crate) const WIRE_SIZE: usize = 4 * (3 + MOST_GROUPS) + LONGEST_HOME;

/// User, groups and home directory of a process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity {
    uid: u32,
    gid: u32,
    group_count: u32,
    groups: [u32; MOST_GROUPS],
    /// `HOME=directory`, as it goes into the environment, with the final NUL.
    home: [u8; LONGEST_HOME],
}

impl Identity {
    /// Fails if there are more than 64 groups, or `home` is longer than 250 bytes.
    pub(crate) fn new(
        uid: u32,
        gid: u32,
        groups: &[u32],
        home: &str,
    ) -> Result<Self, RuntimeError> {
        let too_much = |what: &str| RuntimeError::InvalidSpec {
            reason: what.to_owned(),
        };
        let mut identity = Self::ROOT;
        (identity.uid, identity.gid) = (uid, gid);
        identity.group_count = groups.len() as u32;
        let room = identity.groups.get_mut(..groups.len());
        room.ok_or_else(|| too_much("a user has more than 64 groups"))?
            .copy_from_slice(groups);
        let home = format!("HOME={home}");
        let room = identity
            .home
            .get_mut(..home.len())
            .filter(|_| home.len() < LONGEST_HOME);
        room.ok_or_else(|| too_much("a home directory's name is longer than 250 bytes"))?
            .copy_from_slice(home.as_bytes());
        Ok(identity)
    }

    /// The superuser, without a home.
    pub(crate) const ROOT: Self = Self {
        uid: 0,
        gid: 0,
        group_count: 0,
        groups: [0; MOST_GROUPS],
        home: [0; LONGEST_HOME],
    };

    pub(crate) fn uid(&self) -> Uid {
        Uid::from_raw(self.uid)
    }

    pub(crate) fn gid(&self) -> Gid {
        Gid::from_raw(self.gid)
    }

    pub(crate) fn groups(&self) -> impl ExactSizeIterator<Item = Gid> {
        self.groups[..(self.group_count as usize).min(MOST_GROUPS)]
            .iter()
            .map(|g| Gid::from_raw(*g))
    }

    /// `HOME=directory`.
    pub(crate) fn home(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.home).unwrap_or_default()
    }

    pub(crate) fn to_wire(self) -> [u8; WIRE_SIZE] {
        let mut wire = [0; WIRE_SIZE];
        let (words, home) = wire.split_at_mut(WIRE_SIZE - LONGEST_HOME);
        let values = [self.uid, self.gid, self.group_count]
            .into_iter()
            .chain(self.groups);
        for (place, value) in words.chunks_exact_mut(4).zip(values) {
            place.copy_from_slice(&value.to_ne_bytes());
        }
        home.copy_from_slice(&self.home);
        wire
    }

    pub(crate) fn from_wire(wire: &[u8; WIRE_SIZE]) -> Self {
        let word = |n: usize| {
            let at = 4 * n;
            u32::from_ne_bytes([wire[at], wire[at + 1], wire[at + 2], wire[at + 3]])
        };
        let mut identity = Self {
            uid: word(0),
            gid: word(1),
            group_count: word(2),
            ..Self::ROOT
        };
        for (n, group) in identity.groups.iter_mut().enumerate() {
            *group = word(3 + n);
        }
        identity
            .home
            .copy_from_slice(&wire[WIRE_SIZE - LONGEST_HOME..]);
        identity
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_survives_the_wire() {
        let sent = Identity::new(33, 34, &[50, 60], "/srv").unwrap();
        let got = Identity::from_wire(&sent.to_wire());
        assert_eq!(got.to_wire(), sent.to_wire());
        assert_eq!((got.uid().as_raw(), got.gid().as_raw()), (33, 34));
        assert_eq!(
            got.groups().map(|g| g.as_raw()).collect::<Vec<_>>(),
            [50, 60]
        );
        assert_eq!(got.home(), c"HOME=/srv");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(Identity::new(0, 0, &[7; 65], "/").is_err());
        assert!(Identity::new(0, 0, &[], &"x".repeat(251)).is_err());
        assert!(Identity::new(0, 0, &[], &"x".repeat(250)).is_ok());
    }
}
