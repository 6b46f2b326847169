//! A container as an inspection shows it.

use bollard_stubs::models::{
    ContainerInspectResponse, ContainerState, DriverData, EndpointSettings, HostConfig, MountPoint,
    NetworkSettings,
};
use serde::Serialize;

use super::{NEVER, endpoint, ports};
use crate::container::{Container, Run};
use crate::daemon::{Daemon, Sizes};

/// An inspection, with the members that the newest version of the API has dropped and scripts still read.
#[derive(Serialize)]
pub(in crate::api) struct Inspection {
    #[serde(flatten)]
    body: ContainerInspectResponse,
    #[serde(rename = "NetworkSettings")]
    network: Network,
    #[serde(flatten)]
    size: Option<Size>,
}

/// The room of a container's files, which is told only to who asks: it takes a walk through them.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::api) struct Size {
    size_rw: u64,
    size_root_fs: u64,
}

impl Inspection {
    /// The same with the room that the container's files take.
    pub(in crate::api) fn with_size(self, sizes: Sizes) -> Self {
        Self {
            size: Some(sizes.into()),
            ..self
        }
    }
}

impl From<Sizes> for Size {
    fn from(sizes: Sizes) -> Self {
        Self {
            size_rw: sizes.written,
            size_root_fs: sizes.all,
        }
    }
}

#[derive(Serialize)]
struct Network {
    #[serde(flatten)]
    settings: NetworkSettings,
    #[serde(rename = "Ports")]
    ports: ports::PortMap,
    #[serde(flatten)]
    on_bridge: OnBridge,
}

/// The container's place on the default network, once the only one there was.
#[derive(Serialize, Default)]
#[serde(rename_all = "PascalCase")]
struct OnBridge {
    bridge: String,
    #[serde(rename = "EndpointID")]
    endpoint_id: String,
    gateway: String,
    #[serde(rename = "GlobalIPv6Address")]
    global_ipv6_address: String,
    #[serde(rename = "GlobalIPv6PrefixLen")]
    global_ipv6_prefix_len: i64,
    #[serde(rename = "IPAddress")]
    ip_address: String,
    #[serde(rename = "IPPrefixLen")]
    ip_prefix_len: i64,
    #[serde(rename = "IPv6Gateway")]
    ipv6_gateway: String,
    mac_address: String,
}

/// Shows one container.
pub(in crate::api) fn inspect(daemon: &Daemon, container: Container) -> Inspection {
    let (networks, published) = daemon.read(|state| {
        let sandbox = state.sandbox_of(container.id);
        let published = sandbox.map(|sandbox| sandbox.ports.clone());
        (endpoint::networks(state, &container), published)
    });
    let sandbox = container.run.sandbox();
    let exposed = container
        .config
        .exposed_ports
        .as_deref()
        .unwrap_or_default();
    let ports = published.map_or_else(ports::PortMap::new, |it| ports::map(&it, exposed));
    let settings = NetworkSettings {
        sandbox_id: Some(sandbox.map(|id| id.to_string()).unwrap_or_default()),
        sandbox_key: Some(
            sandbox
                .map(|id| daemon.sandbox_key(id).display().to_string())
                .unwrap_or_default(),
        ),
        ..NetworkSettings::default()
    };
    let on_bridge = networks
        .get("bridge")
        .cloned()
        .map(on_bridge)
        .unwrap_or_default();
    let settings = NetworkSettings {
        networks: Some(networks),
        ..settings
    };
    Inspection {
        body: body(daemon, container),
        network: Network {
            settings,
            ports,
            on_bridge,
        },
        size: None,
    }
}

fn body(daemon: &Daemon, container: Container) -> ContainerInspectResponse {
    let file = |name: &str| Some(daemon.network_file(&container, name).display().to_string());
    let words = container
        .config
        .entrypoint
        .iter()
        .chain(&container.config.cmd)
        .flatten()
        .cloned();
    let words: Vec<String> = words.collect();
    let execs = daemon.execs_of(container.id);
    ContainerInspectResponse {
        id: Some(container.id.to_string()),
        created: Some(container.created.to_string()),
        path: words.first().cloned(),
        args: Some(words.into_iter().skip(1).collect()),
        state: Some(ContainerState {
            health: daemon.health(&container),
            ..state(&container)
        }),
        image: Some(container.image_id.clone()),
        resolv_conf_path: file("resolv.conf"),
        hostname_path: file("hostname"),
        hosts_path: file("hosts"),
        log_path: Some(log_path(daemon, &container)),
        name: Some(format!("/{}", container.name)),
        restart_count: Some(container.restarts.count.into()),
        driver: Some("overlay2".to_owned()),
        platform: Some("linux".to_owned()),
        mount_label: Some(String::new()),
        process_label: Some(String::new()),
        app_armor_profile: Some(String::new()),
        exec_ids: (!execs.is_empty()).then_some(execs),
        graph_driver: Some(graph_driver(daemon, &container)),
        mounts: Some(mounts(daemon, &container)),
        host_config: Some(HostConfig {
            links: daemon.links_of(&container),
            ..container.host_config.unpack()
        }),
        config: Some(container.config.unpack()),
        ..ContainerInspectResponse::default()
    }
}

fn state(container: &Container) -> ContainerState {
    let (run, restarting) = (&container.run, container.is_restarting());
    let shown = ContainerState {
        status: Some(container.status()),
        // clients that see a container restart take it for one that runs
        running: Some(run.is_running() || restarting),
        paused: Some(run.is_paused()),
        restarting: Some(restarting),
        oom_killed: Some(false),
        dead: Some(false),
        pid: Some(0),
        exit_code: Some(0),
        error: Some(String::new()),
        started_at: Some(NEVER.to_owned()),
        finished_at: Some(NEVER.to_owned()),
        health: None,
    };
    match run {
        Run::Created => shown,
        Run::Running { pid, started, .. } => ContainerState {
            pid: Some(i64::from(*pid)),
            started_at: Some(started.to_string()),
            ..shown
        },
        Run::Exited {
            code,
            oom,
            started,
            finished,
            error,
        } => ContainerState {
            exit_code: Some(*code),
            oom_killed: Some(*oom),
            started_at: Some(started.to_string()),
            finished_at: Some(finished.to_string()),
            error: Some(error.clone()),
            ..shown
        },
    }
}

/// Where a log is that others can read.
fn log_path(daemon: &Daemon, container: &Container) -> String {
    let log = container.host_config.log_config.as_ref();
    let known = log.and_then(|log| log.typ.as_deref()) == Some("json-file");
    let path = daemon.log_path(container).filter(|_| known);
    path.map(|path| path.display().to_string())
        .unwrap_or_default()
}

fn graph_driver(daemon: &Daemon, container: &Container) -> DriverData {
    let directories = [
        ("UpperDir", daemon.upper_dir(container)),
        ("WorkDir", daemon.work_dir(container)),
    ];
    let directories = directories.map(|(name, path)| (name, path.display().to_string()));
    let lower = daemon.lower_dirs(container).unwrap_or_default();
    let lower: Vec<_> = lower.iter().map(|it| it.display().to_string()).collect();
    let lower = Some(("LowerDir", lower.join(":"))).filter(|(_, it)| !it.is_empty());
    let data = directories.into_iter().chain(lower);
    let data = data.map(|(name, value)| (name.to_owned(), value));
    DriverData {
        name: "overlay2".to_owned(),
        data: data.collect(),
    }
}

/// The mounts a client asked for.
pub(in crate::api) fn mounts(daemon: &Daemon, container: &Container) -> Vec<MountPoint> {
    let host = &container.host_config;
    let binds = host.binds.iter().flatten();
    let binds = binds
        .filter(|bind| bind.starts_with('/'))
        .filter_map(|bind| {
            let mut parts = bind.split(':');
            let (source, target) = (parts.next()?, parts.next()?);
            let mode = parts.next().unwrap_or_default();
            Some(MountPoint {
                typ: Some("bind".to_owned()),
                source: Some(source.to_owned()),
                destination: Some(target.to_owned()),
                mode: Some(mode.to_owned()),
                rw: Some(!mode.split(',').any(|option| option == "ro")),
                propagation: Some("rprivate".to_owned()),
                ..MountPoint::default()
            })
        });
    let volumes = container.volumes.iter().map(|mount| MountPoint {
        typ: Some("volume".to_owned()),
        name: Some(mount.volume.clone()),
        source: Some(daemon.volume_dir(&mount.volume).display().to_string()),
        destination: Some(mount.target.clone()),
        driver: Some("local".to_owned()),
        mode: Some(if mount.readonly { "ro" } else { "z" }.to_owned()),
        rw: Some(!mount.readonly),
        propagation: Some(String::new()),
    });
    binds.chain(volumes).collect()
}

fn on_bridge(settings: EndpointSettings) -> OnBridge {
    OnBridge {
        bridge: String::new(),
        endpoint_id: settings.endpoint_id.unwrap_or_default(),
        gateway: settings.gateway.unwrap_or_default(),
        global_ipv6_address: settings.global_ipv6_address.unwrap_or_default(),
        global_ipv6_prefix_len: settings.global_ipv6_prefix_len.unwrap_or_default(),
        ip_address: settings.ip_address.unwrap_or_default(),
        ip_prefix_len: settings.ip_prefix_len.unwrap_or_default(),
        ipv6_gateway: settings.ipv6_gateway.unwrap_or_default(),
        mac_address: settings.mac_address.unwrap_or_default(),
    }
}
