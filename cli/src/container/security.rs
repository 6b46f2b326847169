//! What the container may do: options of `run` and `create`.

use std::path::PathBuf;

use bollard::models::{DeviceRequest, HostConfig, HostConfigCgroupnsModeEnum as Cgroupns};
use clap::Args;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::parse::device::Device;

/// What the container may do.
#[derive(Args)]
#[command(next_help_heading = "Security")]
pub(crate) struct Security {
    /// Let it do all that the host may: every capability, system call and device
    #[arg(long)]
    privileged: bool,
    /// Add a capability
    #[arg(long, value_name = "CAPABILITY")]
    cap_add: Vec<String>,
    /// Drop a capability
    #[arg(long, value_name = "CAPABILITY")]
    cap_drop: Vec<String>,
    /// no-new-privileges, seccomp=unconfined, seccomp=FILE (a profile in JSON) or systempaths=unconfined
    #[arg(long, value_name = "OPTION")]
    security_opt: Vec<String>,
    /// Let it see the processes of others: host or container:NAME, else private
    #[arg(long, value_name = "MODE")]
    pid: Option<String>,
    /// Whose shared memory and message queues it has: host, container:NAME (of one with shareable), shareable, none
    /// (without /dev/shm), else private
    #[arg(long, value_name = "MODE")]
    ipc: Option<String>,
    /// Where the control groups begin that it sees: host, else private
    #[arg(long, value_name = "MODE", value_parser = ["host", "private"])]
    cgroupns: Option<String>,
    /// Let it have the host's name: host, else private
    #[arg(long, value_name = "MODE")]
    uts: Option<String>,
    /// Let it have the host's user namespace, as it has: host
    #[arg(long, value_name = "MODE", value_parser = ["host"])]
    userns: Option<String>,
    /// Give it a device of the host, or those in a directory
    #[arg(long, value_name = "HOST[:CONTAINER][:rwm]")]
    device: Vec<Device>,
    /// Let it use devices, for instance 'c 42:* rwm'
    #[arg(long, value_name = "RULE")]
    device_cgroup_rule: Vec<String>,
    /// Give it graphics processors: refused, as there is no driver for them yet
    #[arg(long, value_name = "REQUEST")]
    gpus: Option<String>,
    /// Let its processes be of another group
    #[arg(long, value_name = "GROUP")]
    group_add: Vec<String>,
}

impl Security {
    /// Writes it into what a container is created with.
    ///
    /// # Errors
    ///
    /// When a profile cannot be read.
    pub(crate) fn set(self, host: &mut HostConfig) -> Result<()> {
        let some = |list: Vec<String>| Some(list).filter(|list| !list.is_empty());
        host.privileged = Some(self.privileged);
        host.pid_mode = self.pid;
        host.ipc_mode = self.ipc;
        host.uts_mode = self.uts;
        host.userns_mode = self.userns;
        host.device_requests = self.gpus.map(|_| {
            vec![DeviceRequest {
                count: Some(-1),
                capabilities: Some(vec![vec!["gpu".to_owned()]]),
                ..DeviceRequest::default()
            }]
        });
        host.cgroupns_mode = self.cgroupns.map(|mode| match mode.as_str() {
            "host" => Cgroupns::HOST,
            _ => Cgroupns::PRIVATE,
        });
        host.cap_add = some(self.cap_add);
        host.cap_drop = some(self.cap_drop);
        host.group_add = some(self.group_add);
        host.device_cgroup_rules = some(self.device_cgroup_rule);
        let devices: Vec<_> = self.device.iter().map(Device::mapping).collect();
        host.devices = Some(devices).filter(|devices| !devices.is_empty());
        let mut options = Vec::new();
        for option in self.security_opt {
            if option == "systempaths=unconfined" {
                host.masked_paths = Some(Vec::new());
                host.readonly_paths = Some(Vec::new());
                continue;
            }
            options.push(match option.strip_prefix("seccomp=") {
                Some(file) if !matches!(file, "unconfined" | "builtin") => {
                    format!("seccomp={}", profile(file)?)
                }
                _ => option,
            });
        }
        host.security_opt = some(options);
        Ok(())
    }
}

/// The profile in a file, without spaces.
fn profile(file: &str) -> Result<Value> {
    let path = PathBuf::from(file);
    let text = std::fs::read_to_string(&path);
    let text = text.map_err(|source| Error::Read {
        path: path.clone(),
        source,
    })?;
    serde_json::from_str(&text).map_err(|source| Error::Profile { path, source })
}
