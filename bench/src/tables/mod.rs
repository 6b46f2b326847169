//! The tables, one file each.

mod attach;
mod connections;
mod doors;
mod names;
mod netd;
mod networks;
mod parallel;
mod publish;

use anyhow::Result;
use clap::ValueEnum;

use crate::scale::Scale;

/// A table by its name.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Named {
    /// Attaching and detaching one endpoint, with many present.
    Attach,
    /// Attaching many endpoints at once.
    Parallel,
    /// Creating networks, with many present.
    Networks,
    /// Publishing ports, with many published.
    Publish,
    /// New TCP connections through a published port, with many others published.
    Connections,
    /// The DNS server.
    Dns,
    /// Attaching through CNI and netavark's commands, beside their own plugins.
    Doors,
    /// Docker's own bridge, and rnet under docker.
    Docker,
    /// The daemon: its memory, what it does when idle, how long its start takes.
    Netd,
}

impl Named {
    /// All of them, in the order they are printed.
    pub(crate) const ALL: &[Self] = &[
        Self::Attach,
        Self::Parallel,
        Self::Networks,
        Self::Publish,
        Self::Connections,
        Self::Dns,
        Self::Doors,
        Self::Docker,
        Self::Netd,
    ];

    /// Its name on the command line.
    pub(crate) fn name(self) -> String {
        self.to_possible_value()
            .map(|value| value.get_name().to_owned())
            .unwrap_or_default()
    }

    /// Measures and prints it.
    pub(crate) fn run(self, scale: Scale) -> Result<()> {
        match self {
            Self::Attach => attach::run(scale),
            Self::Parallel => parallel::run(scale),
            Self::Networks => networks::run(scale),
            Self::Publish => publish::run(scale),
            Self::Connections => connections::run(scale),
            Self::Dns => names::run(scale),
            Self::Doors => doors::run(scale),
            Self::Docker => doors::run_docker(scale),
            Self::Netd => netd::run(scale),
        }
    }
}
