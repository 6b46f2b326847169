//! What a client may ask of Docker and not of rnet yet: each is refused by name, none is passed over.

use bollard_stubs::models::{
    ContainerConfig, DeviceRequest, HostConfig, HostConfigIsolationEnum as Isolation,
};

use crate::error::{Error, Result};

/// Refuses the first setting that would have to be ignored.
pub(super) fn refuse(config: &ContainerConfig, host: &HostConfig) -> Result<()> {
    refuse_first(asked_of_config(config))?;
    refuse_host_settings(host)
}

/// Refuses the first setting of the host's side that would have to be ignored.
pub(in crate::daemon::container) fn refuse_host_settings(host: &HostConfig) -> Result<()> {
    if let Some(request) = host.device_requests.iter().flatten().next() {
        // in Docker's words, of a host without such a driver
        return Err(Error::invalid(format!(
            "could not select device driver {:?} with capabilities: {}",
            request.driver.as_deref().unwrap_or_default(),
            capabilities(request)
        )));
    }
    refuse_first(asked_of_host(host))
}

/// As Go shows lists of lists: `[[gpu nvidia] [tpu]]`.
fn capabilities(request: &DeviceRequest) -> String {
    let all = request.capabilities.iter().flatten();
    let all: Vec<_> = all.map(|it| format!("[{}]", it.join(" "))).collect();
    format!("[{}]", all.join(" "))
}

fn refuse_first(settings: impl IntoIterator<Item = (&'static str, bool)>) -> Result<()> {
    match settings.into_iter().find(|(_, asked)| *asked) {
        None => Ok(()),
        Some((field, _)) => Err(Error::Unsupported(format!(
            "{field} is not supported by rnet yet: leave it out"
        ))),
    }
}

fn asked_of_config(config: &ContainerConfig) -> [(&'static str, bool); 2] {
    [
        ("NetworkDisabled", on(config.network_disabled)),
        ("OnBuild", list(&config.on_build)),
    ]
}

fn asked_of_host(host: &HostConfig) -> Vec<(&'static str, bool)> {
    // every field is named, so that one that a later version of the API adds cannot be overlooked
    let HostConfig {
        // what the daemon and the runtime read
        memory: _,
        memory_swap: _,
        nano_cpus: _,
        cpu_period: _,
        cpu_quota: _,
        pids_limit: _,
        memory_reservation: _,
        cpu_shares: _,
        cpuset_cpus: _,
        cpuset_mems: _,
        blkio_weight: _,
        blkio_device_read_bps: _,
        blkio_device_write_bps: _,
        blkio_device_read_iops: _,
        blkio_device_write_iops: _,
        binds: _,
        volumes_from: _,
        mounts: _,
        tmpfs: _,
        readonly_rootfs: _,
        cap_add: _,
        cap_drop: _,
        group_add: _,
        network_mode: _,
        port_bindings: _,
        publish_all_ports: _,
        auto_remove: _,
        restart_policy: _,
        devices: _,
        device_cgroup_rules: _,
        init: _,
        ulimits: _,
        oom_score_adj: _,
        privileged: _,
        security_opt: _,
        shm_size: _,
        sysctls: _,
        masked_paths: _,
        readonly_paths: _,
        dns: _,
        dns_options: _,
        dns_search: _,
        extra_hosts: _,
        links: _,
        device_requests: _,
        cgroup_parent: _,
        blkio_weight_device: _,
        cpu_realtime_period: _,
        cpu_realtime_runtime: _,
        memory_swappiness: _,
        oom_kill_disable: _,
        log_config: _,
        cgroupns_mode: _,
        ipc_mode: _,
        pid_mode: _,
        uts_mode: _,
        // what means nothing to the container
        annotations: _,
        console_size: _,
        container_id_file: _,
        cpu_count,
        cpu_percent,
        io_maximum_iops,
        io_maximum_bandwidth,
        volume_driver,
        cgroup,
        storage_opt,
        userns_mode,
        runtime,
        isolation,
    } = host;
    vec![
        (
            "HostConfig.UsernsMode",
            text(userns_mode) && userns_mode.as_deref() != Some("host"),
        ),
        ("HostConfig.Cgroup", text(cgroup)),
        (
            "HostConfig.Runtime",
            text(runtime) && runtime.as_deref() != Some("rnet"),
        ),
        (
            "HostConfig.Isolation",
            matches!(isolation, Some(Isolation::PROCESS | Isolation::HYPERV)),
        ),
        ("HostConfig.VolumeDriver", text(volume_driver)),
        (
            "HostConfig.StorageOpt",
            storage_opt.as_ref().is_some_and(|it| !it.is_empty()),
        ),
        ("HostConfig.CpuCount", number(*cpu_count)),
        ("HostConfig.CpuPercent", number(*cpu_percent)),
        ("HostConfig.IOMaximumIOps", number(*io_maximum_iops)),
        (
            "HostConfig.IOMaximumBandwidth",
            number(*io_maximum_bandwidth),
        ),
    ]
}

/// Whether something is mounted there: then a volume of no name is not asked for, though clients list its path.
pub(super) fn is_mounted(host: &HostConfig, path: &str) -> bool {
    let binds = host
        .binds
        .iter()
        .flatten()
        .filter_map(|bind| bind.split(':').nth(1));
    let mounts = host
        .mounts
        .iter()
        .flatten()
        .filter_map(|mount| mount.target.as_deref());
    let tmpfs = host.tmpfs.iter().flatten().map(|(path, _)| path.as_str());
    binds
        .chain(mounts)
        .chain(tmpfs)
        .any(|target| target == path)
}

fn on(switch: Option<bool>) -> bool {
    switch.unwrap_or(false)
}

fn number(value: Option<i64>) -> bool {
    value.unwrap_or(0) != 0
}

fn text(value: &Option<String>) -> bool {
    value.as_ref().is_some_and(|text| !text.is_empty())
}

fn list<T>(value: &Option<Vec<T>>) -> bool {
    value.as_ref().is_some_and(|list| !list.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(host: &str) -> Option<String> {
        let host = serde_json::from_str(host).unwrap();
        refuse(&ContainerConfig::default(), &host)
            .err()
            .map(|error| error.to_string())
    }

    #[test]
    fn what_clients_always_send_is_accepted() {
        let usual = r#"{"Binds":null,"ContainerIDFile":"","LogConfig":{"Type":"","Config":{}},"NetworkMode":"default",
            "PortBindings":{},"RestartPolicy":{"Name":"no","MaximumRetryCount":0},"AutoRemove":false,"VolumeDriver":"",
            "VolumesFrom":null,"ConsoleSize":[24,80],"CapAdd":null,"CapDrop":null,"CgroupnsMode":"","Dns":[],
            "DnsOptions":[],"DnsSearch":[],"ExtraHosts":null,"GroupAdd":null,"IpcMode":"","Cgroup":"","Links":null,
            "OomScoreAdj":0,"PidMode":"","Privileged":false,"PublishAllPorts":false,"ReadonlyRootfs":false,
            "SecurityOpt":null,"UTSMode":"","UsernsMode":"","ShmSize":0,"Isolation":"","CpuShares":0,"Memory":0,
            "NanoCpus":0,"CgroupParent":"","BlkioWeight":0,"BlkioWeightDevice":[],"BlkioDeviceReadBps":[],
            "CpuPeriod":0,"CpuQuota":0,"CpusetCpus":"","CpusetMems":"","Devices":[],"DeviceCgroupRules":null,
            "DeviceRequests":null,"MemoryReservation":0,"MemorySwap":0,"MemorySwappiness":-1,"OomKillDisable":false,
            "PidsLimit":0,"Ulimits":[],"CpuCount":0,"CpuPercent":0,"IOMaximumIOps":0,"IOMaximumBandwidth":0,
            "MaskedPaths":null,"ReadonlyPaths":null,"Init":false}"#;
        assert_eq!(refused(usual), None);
    }

    #[test]
    fn a_setting_that_would_be_ignored_is_refused_by_name() {
        for (host, field) in [
            (r#"{"VolumeDriver":"x"}"#, "HostConfig.VolumeDriver"),
            (r#"{"StorageOpt":{"size":"1G"}}"#, "HostConfig.StorageOpt"),
        ] {
            let refusal = refused(host).unwrap_or_default();
            assert!(
                refusal.starts_with(&format!("{field} is not supported")),
                "{host}: {refusal}"
            );
        }
    }
}
