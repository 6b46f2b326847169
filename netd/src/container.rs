//! A container's record: what was asked for, and how its last run went.

use std::collections::BTreeMap;
use std::net::IpAddr;

use bollard_stubs::models;
use jiff::Timestamp;
use rnet_model::{ContainerId, EndpointSettings, NetworkId, SandboxId};
use serde::{Deserialize, Serialize};

use crate::daemon::Restarts;
use crate::volume::VolumeMount;

pub use packed::Packed;

mod packed;

/// One container.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Container {
    /// Its identity.
    pub id: ContainerId,
    /// Its name, without a leading slash; unique among containers.
    pub name: String,
    /// When it was created.
    pub created: Timestamp,
    /// The id of the image it was made from (`sha256:…`).
    pub image_id: String,
    /// What runs in it, as asked for, with what the image adds.
    pub config: Packed<models::ContainerConfig>,
    /// How the host runs it, as asked for.
    pub host_config: Packed<models::HostConfig>,
    /// What its network namespace is.
    pub network_mode: NetworkMode,
    /// The networks it is attached to whenever it runs, with what is asked of each endpoint, which is large.
    pub networks: BTreeMap<NetworkId, Box<EndpointSettings>>,
    /// The volumes it sees.
    #[serde(default)]
    pub volumes: Vec<VolumeMount>,
    /// The containers it is linked to on the default network, and what it calls each.
    #[serde(default)]
    pub links: Vec<(ContainerId, String)>,
    /// The addresses it had at the end of its last run, which it gets again where they are free.
    #[serde(default)]
    pub addresses: BTreeMap<NetworkId, Vec<IpAddr>>,
    /// How often it was started again.
    #[serde(default)]
    pub restarts: Restarts,
    /// How far it is.
    pub run: Run,
}

/// What a container's network namespace is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NetworkMode {
    /// A sandbox of its own, attached to networks.
    Attached,
    /// A sandbox of its own with nothing but a loopback.
    None,
    /// The host's namespace.
    Host,
    /// That of another container, which the host configuration names.
    Container,
}

/// How far a container is.
///
/// ```text
/// Created --start--> Running --exit--> Exited --start--> Running …
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Run {
    /// It never ran.
    Created,
    /// It runs, or is about to.
    Running {
        /// The sandbox made for this run; none in host mode.
        sandbox: Option<SandboxId>,
        /// The process id of its init; 0 until it exists.
        pid: u32,
        /// When its program was started.
        started: Timestamp,
        /// Whether its processes are held still.
        #[serde(default)]
        paused: bool,
    },
    /// It ran.
    Exited {
        /// The program's exit code, or 128 + the signal that ended it; 126 and 127 where it could not start.
        code: i64,
        /// Whether the kernel ended it for lack of memory.
        oom: bool,
        /// When its program was started.
        started: Timestamp,
        /// When it ended.
        finished: Timestamp,
        /// Why it could not be started, or empty.
        error: String,
    },
}

impl Run {
    /// Whether the container runs.
    pub const fn is_running(&self) -> bool {
        matches!(self, Self::Running { .. })
    }

    /// Whether the container runs, and its processes are held still.
    pub const fn is_paused(&self) -> bool {
        matches!(self, Self::Running { paused: true, .. })
    }

    /// The sandbox of the present run.
    pub const fn sandbox(&self) -> Option<SandboxId> {
        match self {
            Self::Running { sandbox, .. } => *sandbox,
            _ => None,
        }
    }

    /// Docker's word for it, of a container that is not about to be restarted.
    const fn status(&self) -> models::ContainerStateStatusEnum {
        match self {
            Self::Created => models::ContainerStateStatusEnum::CREATED,
            Self::Running { paused: true, .. } => models::ContainerStateStatusEnum::PAUSED,
            Self::Running { .. } => models::ContainerStateStatusEnum::RUNNING,
            Self::Exited { .. } => models::ContainerStateStatusEnum::EXITED,
        }
    }
}

impl Container {
    /// Docker's word for how far it is.
    pub const fn status(&self) -> models::ContainerStateStatusEnum {
        if self.is_restarting() {
            return models::ContainerStateStatusEnum::RESTARTING;
        }
        self.run.status()
    }

    /// Whether it ended and is about to be started again.
    pub const fn is_restarting(&self) -> bool {
        self.restarts.pending && matches!(self.run, Run::Exited { .. })
    }
}
