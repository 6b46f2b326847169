//! Containers whose namespaces another one shares (`--network container:NAME` and its like).
//!
//! Nothing of it is on record but the mode: the namespaces live as long as a process is in them, and what a donor's
//! sandbox has in the kernel goes with the donor.

use std::path::PathBuf;

use rnet_model::ContainerId;
use rnet_runtime_glue::ContainerState;
use rnet_runtime_glue::spec::{Mount, MountSource, Namespace, Namespaces};

use super::namespaces::{Mode, is_shareable};
use crate::container::{Container, NetworkMode, Run};
use crate::daemon::{Daemon, lookup};
use crate::error::{Error, Result};
use crate::state::State;

/// Whom a container shares namespaces with.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Donors {
    pub(super) network: Option<Donor>,
    pid: Option<Donor>,
    ipc: Option<Donor>,
}

/// A container that runs, and has namespaces that are shared.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Donor {
    id: ContainerId,
    /// Its first process.
    pid: u32,
    pub(super) hostname: Option<String>,
}

impl Donor {
    /// One of its namespaces, by its name in /proc/PID/ns.
    pub(super) fn namespace(&self, kind: &str) -> PathBuf {
        format!("/proc/{}/ns/{kind}", self.pid).into()
    }
}

impl Donors {
    /// Whose namespaces the container is to live in, but for the network's.
    pub(super) fn namespaces(&self, container: &Container) -> Namespaces {
        let host = &container.host_config;
        let whose = |mode, donor: &Option<Donor>, kind| match (mode, donor) {
            (Mode::Host, _) => Namespace::Host,
            (_, Some(donor)) => Namespace::At(donor.namespace(kind)),
            (_, None) => Namespace::Own,
        };
        let cgroup = host.cgroupns_mode.map(|mode| mode.to_string());
        Namespaces {
            pid: whose(Mode::of(&host.pid_mode), &self.pid, "pid"),
            ipc: whose(Mode::of(&host.ipc_mode), &self.ipc, "ipc"),
            uts: whose(Mode::of(&host.uts_mode), &None, "uts"),
            cgroup: whose(Mode::of(&cgroup), &None, "cgroup"),
        }
    }

    /// Lets the container see the shared memory of whose IPC namespace it has.
    pub(super) fn share_memory(&self, mounts: &mut [Mount]) {
        let memory = mounts.iter_mut().find(|mount| mount.target == "/dev/shm");
        if let (Some(donor), Some(mount)) = (&self.ipc, memory) {
            mount.source = MountSource::Elsewhere {
                namespace: donor.namespace("mnt"),
                path: "/dev/shm".into(),
            };
        }
    }
}

impl Daemon {
    /// The containers that one about to start shares namespaces with; refuses, in Docker's words, to start it without
    /// them (moby, daemon/container_operations.go `getNetworkedContainer` and its like).
    pub(super) fn donors(&self, container: &Container) -> Result<Donors> {
        let host = &container.host_config;
        let named = |mode| match Mode::of(mode) {
            Mode::Container(reference) => {
                Some(self.read(|state| lookup::container(state, reference).cloned()))
            }
            Mode::Own | Mode::Host => None,
        };
        let network = named(&host.network_mode).map(|donor| {
            let donor = donor
                .map_err(|error| format!("joining network namespace of container: {error}"))
                .map_err(Error::Failed)?;
            if donor.id == container.id {
                let own = "cannot join own network namespace";
                return Err(Error::Failed(own.to_owned()));
            }
            let restarting = |error| format!("cannot join network namespace of container: {error}");
            refuse_restarting(&donor)
                .map_err(|error| Error::Conflict(restarting(error.to_string())))?;
            self.donor(&donor).ok_or_else(|| {
                Error::Conflict(format!(
                    "cannot join network namespace of a non running container: container {} is {}",
                    donor.name,
                    donor.status()
                ))
            })
        });
        let member = |mode, check: fn(&Container) -> Result<()>| {
            named(mode).map(|donor| {
                let donor = donor.map_err(|error| Error::Invalid(error.to_string()))?;
                refuse_restarting(&donor)?;
                let gone = || Error::Conflict(format!("container {} is not running", donor.id));
                let found = self.donor(&donor).ok_or_else(gone)?;
                check(&donor).map(|()| found)
            })
        };
        let pid = member(&host.pid_mode, |_| Ok(()));
        let ipc = member(&host.ipc_mode, check_shareable);
        Ok(Donors {
            network: network.transpose()?,
            pid: pid
                .transpose()
                .map_err(|error| error.within("failed to join PID namespace"))?,
            ipc: ipc
                .transpose()
                .map_err(|error| error.within("failed to join IPC namespace"))?,
        })
    }

    /// A container as one that others may share with: none if it does not run.
    fn donor(&self, container: &Container) -> Option<Donor> {
        let Run::Running { pid, .. } = container.run else {
            return None;
        };
        // its record may lag behind
        match self.runtime.state(&container.id) {
            Ok(ContainerState::Running { pid: now, .. }) if now == pid => Some(Donor {
                id: container.id,
                pid,
                hostname: container.config.hostname.clone(),
            }),
            _ => None,
        }
    }

    /// Refuses a container whose donors ended while it joined them: the number of a process may have passed on to
    /// another one before its namespaces were opened, but not since.
    pub(super) fn confirm_donors(&self, container: &Container, joined: &Donors) -> Result<()> {
        match self.donors(container)? == *joined {
            true => Ok(()),
            false => Err(Error::Conflict(format!(
                "container {} shares namespaces with a container that was started again meanwhile",
                container.name
            ))),
        }
    }
}

/// The container whose sandbox and files another one has: itself, unless its network is another's.
///
/// A container that is gone had nothing to leave: then it is the last that is known.
pub(super) fn network_owner<'a>(state: &'a State, container: &'a Container) -> &'a Container {
    let next = |container: &&'a Container| match container.network_mode {
        NetworkMode::Container => match Mode::of(&container.host_config.network_mode) {
            Mode::Container(donor) => lookup::container(state, donor).ok(),
            Mode::Own | Mode::Host => None,
        },
        _ => None,
    };
    // nobody joins a container that does not run, but those that do not run may name each other
    const LONGEST_CHAIN: usize = 100;
    let chain = std::iter::successors(Some(container), next);
    chain.take(LONGEST_CHAIN).last().unwrap_or(container)
}

fn refuse_restarting(donor: &Container) -> Result<()> {
    match donor.is_restarting() {
        true => Err(Error::Conflict(format!(
            "Container {} is restarting, wait until the container is running",
            donor.id
        ))),
        false => Ok(()),
    }
}

fn check_shareable(donor: &Container) -> Result<()> {
    match is_shareable(&donor.host_config) {
        true => Ok(()),
        false => Err(Error::Invalid(format!(
            "container {}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)",
            donor.id
        ))),
    }
}
