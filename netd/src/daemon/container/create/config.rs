//! What runs in a container: as asked for, with what its image adds.

use std::collections::HashMap;

use bollard_stubs::models::{
    ContainerConfig, ContainerCreateBody, EndpointSettings, HostConfig, Mount, MountBindOptions,
    MountBindOptionsPropagationEnum as Propagation, MountType,
};
use rnet_model::ContainerId;
use rnet_runtime_glue::defaults::SHM_SIZE;
use rnet_runtime_glue::image::ImageConfig;

use crate::daemon::container::security;
use crate::daemon::container::stop::parse_signal;
use crate::daemon::health;
use crate::daemon::ports::container_port;
use crate::error::{Error, Result};

/// The longest host name the kernel takes, in bytes (include/uapi/linux/utsname.h, without the NUL).
const LONGEST_HOSTNAME: usize = 64;

type Endpoints = HashMap<String, EndpointSettings>;

/// Takes a body apart: what runs, how the host runs it, where it is attached.
pub(super) fn split(body: ContainerCreateBody) -> (ContainerConfig, Option<HostConfig>, Endpoints) {
    let config = ContainerConfig {
        hostname: body.hostname,
        domainname: body.domainname,
        user: body.user,
        attach_stdin: body.attach_stdin,
        attach_stdout: body.attach_stdout,
        attach_stderr: body.attach_stderr,
        exposed_ports: body.exposed_ports,
        tty: body.tty,
        open_stdin: body.open_stdin,
        stdin_once: body.stdin_once,
        env: body.env,
        cmd: body.cmd,
        healthcheck: body.healthcheck,
        args_escaped: body.args_escaped,
        image: body.image,
        volumes: body.volumes,
        working_dir: body.working_dir,
        entrypoint: body.entrypoint,
        network_disabled: body.network_disabled,
        on_build: body.on_build,
        labels: body.labels,
        stop_signal: body.stop_signal,
        stop_timeout: body.stop_timeout,
        shell: body.shell,
    };
    let endpoints = body
        .networking_config
        .and_then(|config| config.endpoints_config);
    (config, body.host_config, endpoints.unwrap_or_default())
}

/// Adds what the image says and the request does not (moby, daemon/commit.go `merge`).
pub(super) fn merge(mut asked: ContainerConfig, image: &ImageConfig) -> ContainerConfig {
    let is_empty = |words: &Option<Vec<String>>| words.as_ref().is_none_or(Vec::is_empty);
    if is_empty(&asked.entrypoint) {
        if is_empty(&asked.cmd) {
            asked.cmd = Some(image.cmd.clone());
        }
        asked
            .entrypoint
            .get_or_insert_with(|| image.entrypoint.clone());
    } else if asked
        .entrypoint
        .as_ref()
        .is_some_and(|words| words.len() == 1 && words[0].is_empty())
    {
        asked.entrypoint = None; // one empty word: the image's is not wanted
    }
    let env = asked.env.get_or_insert_default();
    let variable = |entry: &str| entry.split('=').next().unwrap_or_default().to_owned();
    for entry in &image.env {
        if env.iter().all(|own| variable(own) != variable(entry)) {
            env.push(entry.clone());
        }
    }
    let exposed = asked.exposed_ports.get_or_insert_default();
    exposed.extend(image.exposed_ports.keys().cloned());
    exposed.sort_unstable();
    exposed.dedup();
    let labels = asked.labels.get_or_insert_default();
    for (key, value) in &image.labels {
        labels.entry(key.clone()).or_insert_with(|| value.clone());
    }
    asked.healthcheck = health::merge(asked.healthcheck, image.healthcheck.as_ref());
    let filled = |own: Option<String>, image: &str| {
        own.filter(|text| !text.is_empty())
            .or_else(|| Some(image.to_owned()))
    };
    let volumes = asked.volumes.get_or_insert_default();
    volumes.extend(image.volumes.keys().cloned());
    volumes.sort_unstable();
    volumes.dedup();
    asked.stop_signal = filled(asked.stop_signal, &image.stop_signal);
    asked.user = filled(asked.user, &image.user);
    asked.working_dir = filled(asked.working_dir, &image.working_dir);
    asked
}

/// Fills in what every container has, and refuses what cannot be run.
pub(super) fn complete(config: &mut ContainerConfig, id: ContainerId, on_host: bool) -> Result<()> {
    let hostname = config.hostname.take().filter(|name| !name.is_empty());
    let hostname = hostname.unwrap_or_else(|| if on_host { host_name() } else { id.short() });
    check_hostname(&hostname)?;
    config.hostname = Some(hostname);
    for text in [
        &mut config.domainname,
        &mut config.user,
        &mut config.working_dir,
    ] {
        text.get_or_insert_default();
    }
    let switches = [
        &mut config.attach_stdin,
        &mut config.attach_stdout,
        &mut config.attach_stderr,
        &mut config.tty,
        &mut config.open_stdin,
        &mut config.stdin_once,
    ];
    switches
        .into_iter()
        .for_each(|switch| *switch = Some(switch.unwrap_or(false)));
    config.stop_signal = config
        .stop_signal
        .take()
        .filter(|signal| !signal.is_empty());
    config
        .stop_signal
        .as_deref()
        .map(parse_signal)
        .transpose()?;
    config.healthcheck.as_ref().map_or(Ok(()), health::check)?;
    if config
        .entrypoint
        .iter()
        .chain(&config.cmd)
        .flatten()
        .next()
        .is_none()
    {
        return Err(Error::invalid("no command specified"));
    }
    for entry in config.env.iter().flatten() {
        if entry.is_empty() || entry.starts_with('=') {
            return Err(Error::invalid(format!(
                "invalid environment variable: {entry:?}"
            )));
        }
    }
    // a bare name in the environment means that the variable is not to be set
    config
        .env
        .iter_mut()
        .for_each(|env| env.retain(|entry| entry.contains('=')));
    for port in config.exposed_ports.iter().flatten() {
        container_port(port)?;
    }
    match config.working_dir.as_deref() {
        Some(path) if !path.is_empty() && !path.starts_with('/') => Err(Error::invalid(format!(
            "the working directory '{path}' is invalid, it needs to be an absolute path"
        ))),
        _ => Ok(()),
    }
}

/// Says how it is where a client leaves that open.
pub(super) fn complete_host(host: &mut HostConfig) {
    let named = |text: &str, own: &mut Option<String>| {
        *own = own
            .take()
            .filter(|own| !own.is_empty())
            .or_else(|| Some(text.to_owned()));
    };
    host.masked_paths = Some(security::masked_paths(host));
    host.readonly_paths = Some(security::readonly_paths(host));
    named("private", &mut host.ipc_mode);
    named("rnet", &mut host.runtime);
    host.shm_size = host
        .shm_size
        .filter(|bytes| *bytes != 0)
        .or(i64::try_from(SHM_SIZE).ok());
}

/// Turns `--mount` into the older `-v` and `--tmpfs`, which say the same.
pub(super) fn settle_mounts(host: &mut HostConfig) -> Result<()> {
    for mount in host.mounts.take().into_iter().flatten() {
        let target = mount.target.clone().unwrap_or_default();
        match mount.typ {
            Some(MountType::BIND) => host
                .binds
                .get_or_insert_default()
                .push(bind(&mount, &target)?),
            Some(MountType::TMPFS) => {
                let tmpfs = mount.tmpfs_options.unwrap_or_default();
                let size = tmpfs.size_bytes.map(|bytes| format!("size={bytes}"));
                let mode = tmpfs.mode.map(|mode| format!("mode={mode:o}"));
                let readonly = mount.read_only.unwrap_or(false).then(|| "ro".to_owned());
                let options: Vec<_> = [size, mode, readonly].into_iter().flatten().collect();
                host.tmpfs
                    .get_or_insert_default()
                    .insert(target, options.join(","));
            }
            kind => {
                let kind = kind.map_or_else(String::new, |kind| kind.to_string());
                return Err(Error::Unsupported(format!(
                    "mount type {kind:?} for {target} is not supported yet: use bind, volume or tmpfs"
                )));
            }
        }
    }
    Ok(())
}

fn bind(mount: &Mount, target: &str) -> Result<String> {
    let source = mount.source.as_deref().unwrap_or_default();
    let invalid =
        |why: String| Error::invalid(format!("invalid mount config for type \"bind\": {why}"));
    let options = mount.bind_options.clone().unwrap_or_default();
    let made = options.create_mountpoint.unwrap_or(false);
    let others = MountBindOptions {
        create_mountpoint: None,
        propagation: options.propagation.filter(|it| {
            !matches!(
                it,
                Propagation::EMPTY | Propagation::PRIVATE | Propagation::RPRIVATE
            )
        }),
        non_recursive: options.non_recursive.filter(|it| *it),
        ..options
    };
    if others != MountBindOptions::default() {
        return Err(Error::Unsupported(format!(
            "BindOptions of mount {target} other than Propagation \"rprivate\" and CreateMountpoint are not supported by rnet yet"
        )));
    }
    if source.contains(':') || target.contains(':') {
        return Err(invalid(format!(
            "{source} to {target}: a colon is not allowed"
        )));
    }
    if made {
        std::fs::create_dir_all(source)
            .map_err(|error| invalid(format!("cannot make bind source path {source}: {error}")))?;
    }
    if !std::path::Path::new(source).exists() {
        return Err(invalid(format!(
            "bind source path does not exist: {source}"
        )));
    }
    let mode = if mount.read_only.unwrap_or(false) {
        ":ro"
    } else {
        ""
    };
    Ok(format!("{source}:{target}{mode}"))
}

/// Refuses an `--add-host` entry that is not `NAME:ADDRESS`.
pub(super) fn check_extra_host(text: &str) -> Result<()> {
    let valid = text.split_once([':', '=']).is_some_and(|(name, address)| {
        let bare = address.trim_start_matches('[').trim_end_matches(']');
        let known = address == "host-gateway" || bare.parse::<std::net::IpAddr>().is_ok();
        !name.is_empty() && known
    });
    let refusal = || {
        Error::invalid(format!(
            "invalid extra host {text:?}: NAME:ADDRESS is expected"
        ))
    };
    valid.then_some(()).ok_or_else(refusal)
}

fn check_hostname(name: &str) -> Result<()> {
    let clean = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
    if clean && name.len() <= LONGEST_HOSTNAME {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "invalid hostname {name:?}: use up to {LONGEST_HOSTNAME} letters, digits, '-', '_' and '.'"
    )))
}

fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}
