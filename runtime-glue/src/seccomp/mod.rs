//! Which system calls a container may make: profiles in Docker's format, and the filter that the kernel runs for one.

mod arch;
mod compile;
mod conditions;
mod default;
mod profile;
#[cfg(test)]
mod tests;

use libc::sock_filter;
use serde::{Deserialize, Serialize};

use crate::{Capabilities, RuntimeError};
pub use profile::{Action, Argument, Operator, Profile, Rule, Scope};

/// Which system calls a container may make (seccomp(2)).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Seccomp {
    /// Those that Docker allows by default, given the capabilities.
    Default,
    /// Those that a profile allows.
    Profile(Box<Profile>),
    /// All.
    Unconfined,
}

impl Seccomp {
    /// Refuses what cannot be made a filter of, without looking at a container.
    pub fn validate(&self) -> Result<(), RuntimeError> {
        self.filter(Capabilities::default()).map(drop)
    }

    /// The program for a container with these capabilities; none where nothing is filtered.
    pub(crate) fn filter(
        &self,
        capabilities: Capabilities,
    ) -> Result<Option<Vec<sock_filter>>, RuntimeError> {
        let program = match self {
            Self::Default => compile::program(&default::profile(), capabilities),
            Self::Profile(profile) => compile::program(profile, capabilities),
            Self::Unconfined => return Ok(None),
        };
        program.map(Some)
    }
}
