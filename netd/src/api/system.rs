//! `/_ping`, `/version` and `/info`: who answers, and on what machine.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, Method, header};
use axum::response::IntoResponse;
use bollard_stubs::models::{
    ContainerStateStatusEnum as Status, FirewallInfo, PluginsInfo, RegistryServiceConfig,
    SwarmInfo, SystemInfo, SystemInfoCgroupDriverEnum, SystemInfoCgroupVersionEnum, SystemVersion,
    SystemVersionComponents, SystemVersionPlatform,
};
use jiff::Timestamp;

use super::routes::{Routes, get};
use super::version::{NEWEST, OLDEST};
use super::{Answer, Api};
use crate::daemon::{Conflict, Daemon};
use crate::error::Result;

const VERSION: &str = env!("CARGO_PKG_VERSION");

pub(super) fn routes() -> Routes {
    Routes::new()
        .route("/_ping", get(ping))
        .route("/version", get(version))
        .route("/info", get(info))
        .route("/system/df", get(super::usage::usage).reads(&["type"]))
}

async fn ping(method: Method) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache, no-store, must-revalidate"),
        (header::PRAGMA, "no-cache"),
        // images are not built here
        (HeaderName::from_static("builder-version"), "1"),
        (HeaderName::from_static("swarm"), "inactive"),
    ];
    (headers, if method == Method::HEAD { "" } else { "OK" })
}

async fn version() -> Json<SystemVersion> {
    let details = [
        ("ApiVersion", NEWEST.to_string()),
        ("MinAPIVersion", OLDEST.to_string()),
        ("Os", "linux".to_owned()),
        ("Arch", architecture().to_owned()),
        ("KernelVersion", kernel("osrelease")),
        ("Experimental", "false".to_owned()),
    ];
    let details = details.map(|(key, value)| (key.to_owned(), value));
    Json(SystemVersion {
        platform: Some(SystemVersionPlatform {
            name: "rnet".to_owned(),
        }),
        components: Some(vec![SystemVersionComponents {
            name: "Engine".to_owned(),
            version: VERSION.to_owned(),
            details: Some(details.into()),
        }]),
        version: Some(VERSION.to_owned()),
        api_version: Some(NEWEST.to_string()),
        min_api_version: Some(OLDEST.to_string()),
        os: Some("linux".to_owned()),
        arch: Some(architecture().to_owned()),
        kernel_version: Some(kernel("osrelease")),
        experimental: Some(false),
        ..SystemVersion::default()
    })
}

async fn info(State(api): State<Api>) -> Answer<Json<SystemInfo>> {
    api.run(|daemon| describe(daemon)).await.map(Json)
}

fn describe(daemon: &Daemon) -> Result<SystemInfo> {
    let (containers, running, stopped) = daemon.read(|state| {
        let with = |status| {
            state
                .containers()
                .filter(|it| it.status() == status)
                .count()
        };
        (
            state.containers().count(),
            with(Status::RUNNING),
            with(Status::EXITED) + with(Status::CREATED),
        )
    });
    let count = |number: usize| i64::try_from(number).ok();
    let unified = std::path::Path::new("/sys/fs/cgroup/cgroup.controllers").exists();
    let mut networks = ["bridge", "host", "null"].map(ToOwned::to_owned).to_vec();
    networks.extend(daemon.network_plugins());
    let settings = daemon.settings();
    let conflicts = daemon.lasting_conflicts()?;
    Ok(SystemInfo {
        id: Some(kernel("random/boot_id")),
        containers: count(containers),
        containers_running: count(running),
        containers_paused: Some(0),
        containers_stopped: count(stopped),
        images: count(daemon.images().list().len()),
        driver: Some("overlay2".to_owned()),
        driver_status: Some(vec![]),
        docker_root_dir: Some(settings.state_dir.display().to_string()),
        plugins: Some(PluginsInfo {
            volume: Some(vec![]),
            network: Some(networks),
            authorization: None,
            log: Some(["json-file", "local", "none"].map(str::to_owned).to_vec()),
        }),
        memory_limit: Some(true),
        swap_limit: Some(true),
        cpu_cfs_period: Some(true),
        cpu_cfs_quota: Some(true),
        pids_limit: Some(true),
        ipv4_forwarding: Some(kernel("../net/ipv4/ip_forward") == "1"),
        debug: Some(false),
        system_time: Some(Timestamp::now().to_string()),
        logging_driver: Some(settings.default_log.driver.clone()),
        cgroup_driver: Some(SystemInfoCgroupDriverEnum::CGROUPFS),
        cgroup_version: Some(if unified {
            SystemInfoCgroupVersionEnum::_2
        } else {
            SystemInfoCgroupVersionEnum::_1
        }),
        kernel_version: Some(kernel("osrelease")),
        operating_system: Some(operating_system()),
        os_type: Some("linux".to_owned()),
        architecture: Some(std::env::consts::ARCH.to_owned()),
        ncpu: std::thread::available_parallelism()
            .ok()
            .and_then(|cpus| count(cpus.get())),
        mem_total: Some(memory()),
        index_server_address: Some(String::new()),
        registry_config: Some(RegistryServiceConfig::default()),
        name: Some(kernel("hostname")),
        labels: Some(vec![]),
        experimental_build: Some(false),
        server_version: Some(VERSION.to_owned()),
        default_runtime: Some("rnet".to_owned()),
        swarm: Some(SwarmInfo {
            local_node_state: Some(bollard_stubs::models::LocalNodeState::INACTIVE),
            ..SwarmInfo::default()
        }),
        live_restore_enabled: Some(true),
        firewall_backend: Some(FirewallInfo {
            driver: Some(daemon.firewall().to_owned()),
            info: None,
        }),
        security_options: Some(vec![
            "name=seccomp,profile=builtin".to_owned(),
            "name=cgroupns".to_owned(),
        ]),
        warnings: Some(conflicts.iter().map(Conflict::to_string).collect()),
        ..SystemInfo::default()
    })
}

/// The architecture, in Go's words.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// What the kernel says of itself below /proc/sys/kernel.
fn kernel(name: &str) -> String {
    read(&format!("/proc/sys/kernel/{name}")).trim().to_owned()
}

fn operating_system() -> String {
    let release = read("/etc/os-release");
    let name = release
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="));
    name.map_or_else(
        || "Linux".to_owned(),
        |name| name.trim_matches('"').to_owned(),
    )
}

/// Bytes of memory of the machine.
fn memory() -> i64 {
    let info = read("/proc/meminfo");
    let total = info.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = total.and_then(|text| text.trim().trim_end_matches(" kB").parse::<i64>().ok());
    kib.unwrap_or(0) * 1024
}

/// A file of the kernel or the system; what cannot be read is not known, which is no failure here.
fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
