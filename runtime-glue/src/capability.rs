//! Sets of capabilities, written by the names that capabilities(7) gives them.

use std::fmt;

use rustix::thread::{CapabilitySet, capability_is_in_bounding_set};
use serde::{Deserialize, Serialize};

/// A set of capabilities; stored as a list of names such as `CAP_NET_RAW`.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities(u64);

/// A text that names no capability.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("unknown capability {0:?}: use a name of capabilities(7), such as CAP_NET_RAW")]
pub struct UnknownCapability(String);

impl Capabilities {
    /// The capability of that name, in any case, with or without `CAP_`.
    pub fn named(name: &str) -> Result<Self, UnknownCapability> {
        let upper = name.to_ascii_uppercase();
        let short = upper.strip_prefix("CAP_").unwrap_or(&upper);
        CapabilitySet::from_name(short)
            .filter(|found| found.bits().count_ones() == 1)
            .map(|found| Self(found.bits()))
            .ok_or_else(|| UnknownCapability(name.to_owned()))
    }

    /// The most this process can hand on: its own bounding set.
    pub fn available() -> Self {
        let bounded = |bit: &u64| {
            capability_is_in_bounding_set(CapabilitySet::from_bits_retain(*bit)).unwrap_or(false)
        };
        Self((0..64).map(|n| 1 << n).filter(bounded).sum())
    }

    /// Those that the kernel has.
    pub(crate) fn known() -> Self {
        let known = |bit: &u64| {
            capability_is_in_bounding_set(CapabilitySet::from_bits_retain(*bit)).is_ok()
        };
        Self((0..64).map(|n| 1 << n).filter(known).sum())
    }

    /// What is in this set or in `other`.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in this set and in `other`.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in this set and not in `other`.
    #[must_use]
    pub const fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether nothing is in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) const fn of(set: CapabilitySet) -> Self {
        Self(set.bits())
    }

    pub(crate) const fn kernel_set(self) -> CapabilitySet {
        CapabilitySet::from_bits_retain(self.0)
    }

    /// Each capability by itself.
    pub(crate) fn each(self) -> impl Iterator<Item = CapabilitySet> {
        (0..64)
            .map(move |n| self.0 & (1 << n))
            .filter(|bit| *bit != 0)
            .map(CapabilitySet::from_bits_retain)
    }

    fn names(self) -> impl Iterator<Item = String> {
        self.each().map(|one| match one.iter_names().next() {
            Some((name, _)) => format!("CAP_{name}"),
            None => format!("capability {}", one.bits().trailing_zeros()),
        })
    }
}

impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().collect::<Vec<_>>().join(", "))
    }
}

impl fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

impl Serialize for Capabilities {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.names())
    }
}

impl<'de> Deserialize<'de> for Capabilities {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<String>::deserialize(deserializer)?
            .iter()
            .try_fold(Self::default(), |set, name| {
                Ok(set.union(Self::named(name)?))
            })
            .map_err(|e: UnknownCapability| serde::de::Error::custom(e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capability_is_named_as_people_write_it() {
        let raw = Capabilities::of(CapabilitySet::NET_RAW);
        for name in ["CAP_NET_RAW", "NET_RAW", "cap_net_raw"] {
            assert_eq!(Capabilities::named(name), Ok(raw));
        }
    }

    #[test]
    fn a_name_that_is_no_capability_is_refused() {
        for name in ["CAP_EVERYTHING", "", "ALL", "_"] {
            assert!(Capabilities::named(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_set_survives_being_stored() {
        let set = crate::defaults::CAPABILITIES;
        let text = serde_json::to_string(&set).unwrap();
        assert!(text.contains("\"CAP_MKNOD\""), "{text}");
        assert_eq!(serde_json::from_str::<Capabilities>(&text).unwrap(), set);
    }
}
