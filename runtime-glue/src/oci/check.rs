//! What a configuration must be and must not be, as far as that shows without a look at the machine.

use super::config::{Config, NamespaceKind, Process};
use crate::RuntimeError;

/// Refuses what the specification forbids, and what this runtime does not do.
pub(super) fn config(config: &Config) -> Result<(), RuntimeError> {
    version(&config.oci_version)?;
    let Some(root) = &config.root else {
        return Err(invalid("root is missing"));
    };
    if root.path.as_os_str().is_empty() {
        return Err(invalid("root.path is empty"));
    }
    namespaces(config)?;
    if let Some(it) = &config.process {
        process(it)?;
    }
    for mount in &config.mounts {
        if !mount.destination.starts_with('/') {
            let destination = &mount.destination;
            return Err(invalid(format!(
                "mounts: the destination {destination:?} is not absolute"
            )));
        }
    }
    for (name, value) in &config.linux.sysctl {
        sysctl(config, name, value)?;
    }
    let hidden = config.linux.masked_paths.iter();
    for path in hidden.chain(&config.linux.readonly_paths) {
        if !path.starts_with('/') {
            return Err(invalid(format!(
                "the path {path:?} to mask or protect is not absolute"
            )));
        }
    }
    if let Some(label) = config
        .linux
        .mount_label
        .as_ref()
        .filter(|it| !it.is_empty())
    {
        return Err(unsupported(format!("linux.mountLabel {label:?}")));
    }
    if config.linux.intel_rdt.is_some() {
        return Err(unsupported("linux.intelRdt"));
    }
    hooks(config)
}

/// Refuses a process that cannot be run anywhere.
pub(super) fn process(process: &Process) -> Result<(), RuntimeError> {
    if process.args.is_empty() {
        return Err(invalid("process.args is empty"));
    }
    if !process.cwd.starts_with('/') {
        let cwd = &process.cwd;
        return Err(invalid(format!("process.cwd {cwd:?} is not absolute")));
    }
    if let Some(umask) = process.user.umask.filter(|umask| *umask > 0o777) {
        return Err(invalid(format!("process.user.umask {umask:o} is no mask")));
    }
    let mut kinds: Vec<_> = process.rlimits.iter().map(|it| &it.kind).collect();
    kinds.sort_unstable();
    if let Some(twice) = kinds.windows(2).find(|pair| pair[0] == pair[1]) {
        let kind = twice[0];
        return Err(invalid(format!("process.rlimits has {kind} twice")));
    }
    if process
        .oom_score_adj
        .is_some_and(|it| !(-1000..=1000).contains(&it))
    {
        return Err(invalid("process.oomScoreAdj is not between -1000 and 1000"));
    }
    Ok(())
}

/// An error in the configuration.
pub(super) fn invalid(reason: impl Into<String>) -> RuntimeError {
    RuntimeError::InvalidSpec {
        reason: reason.into(),
    }
}

/// A setting that is known, and not to be had here.
pub(super) fn unsupported(what: impl AsRef<str>) -> RuntimeError {
    invalid(format!("{} is not supported", what.as_ref()))
}

fn version(version: &str) -> Result<(), RuntimeError> {
    let core = version.split(['-', '+']).next().unwrap_or_default();
    let numbers: Vec<Option<u32>> = core.split('.').map(|part| part.parse().ok()).collect();
    match numbers[..] {
        [Some(1), Some(_), Some(_)] => Ok(()),
        _ => Err(invalid(format!(
            "ociVersion {version:?} is not supported: 1.0.0 to 1.2.1 are"
        ))),
    }
}

fn namespaces(config: &Config) -> Result<(), RuntimeError> {
    use NamespaceKind as Kind;
    let all = &config.linux.namespaces;
    for (n, namespace) in all.iter().enumerate() {
        let kind = namespace.kind;
        if all[..n].iter().any(|other| other.kind == kind) {
            return Err(invalid(
                format!("linux.namespaces has {kind:?} twice").to_lowercase(),
            ));
        }
        if namespace
            .path
            .as_ref()
            .is_some_and(|path| !path.is_absolute())
        {
            let path = namespace.path.clone().unwrap_or_default();
            return Err(invalid(format!(
                "the namespace {path:?} is no absolute path"
            )));
        }
    }
    if !config.has(Kind::Mount) {
        return Err(unsupported("a container without a mount namespace"));
    }
    let needs = |is: bool, what: &str, kind: Kind| match is && !config.has(kind) {
        true => {
            let kind = format!("{kind:?}").to_lowercase();
            Err(invalid(format!("{what} needs a {kind} namespace")))
        }
        false => Ok(()),
    };
    let said = |name: &Option<String>| name.as_ref().is_some_and(|name| !name.is_empty());
    needs(said(&config.hostname), "hostname", Kind::Uts)?;
    needs(said(&config.domainname), "domainname", Kind::Uts)?;
    let linux = &config.linux;
    let maps = (&linux.uid_mappings, &linux.gid_mappings);
    let mapped = !(maps.0.is_empty() && maps.1.is_empty());
    needs(mapped, "a map of user or group ids", Kind::User)?;
    needs(
        !linux.time_offsets.is_empty(),
        "linux.timeOffsets",
        Kind::Time,
    )?;
    if !linux.time_offsets.is_empty() && !config.has_new(Kind::Time) {
        return Err(invalid(
            "linux.timeOffsets cannot be set in a time namespace that exists",
        ));
    }
    if config.has_new(Kind::User) {
        let root =
            |maps: &[crate::idmap::IdMap]| maps.iter().any(|it| it.inside == 0 && it.count > 0);
        if !(root(maps.0) && root(maps.1)) {
            return Err(invalid(
                "a new user namespace needs linux.uidMappings and gidMappings with its root, 0",
            ));
        }
    }
    Ok(())
}

/// Refuses a variable that is not the container's own: it would be set for the host.
fn sysctl(config: &Config, name: &str, value: &str) -> Result<(), RuntimeError> {
    const IPC: [&str; 9] = [
        "kernel.msgmax",
        "kernel.msgmnb",
        "kernel.msgmni",
        "kernel.sem",
        "kernel.shmall",
        "kernel.shmmax",
        "kernel.shmmni",
        "kernel.shm_rmid_forced",
        "kernel.msg_next_id",
    ];
    let dotted = name.replace('/', ".");
    if dotted.split('.').any(str::is_empty) || value.contains('\0') {
        return Err(invalid(format!(
            "linux.sysctl {name:?} is no name of a variable"
        )));
    }
    let kind = if dotted.starts_with("net.") {
        NamespaceKind::Network
    } else if IPC.contains(&dotted.as_str()) || dotted.starts_with("fs.mqueue.") {
        NamespaceKind::Ipc
    } else if dotted == "kernel.domainname" || dotted == "kernel.hostname" {
        NamespaceKind::Uts
    } else if dotted.starts_with("user.") && config.has(NamespaceKind::User) {
        return Ok(());
    } else {
        return Err(invalid(format!(
            "linux.sysctl {name:?} is not in a separate kernel namespace: it would change the host"
        )));
    };
    if dotted == "kernel.hostname" {
        return Err(invalid(
            "linux.sysctl kernel.hostname conflicts with hostname: use that",
        ));
    }
    let shared = config.linux.namespaces.iter().find(|it| it.kind == kind);
    let own = shared.is_some_and(|it| it.path.as_deref().is_none_or(|path| !is_ours(path, kind)));
    if !own {
        return Err(invalid(format!(
            "linux.sysctl {name:?} would change the host: it needs a {} namespace",
            format!("{kind:?}").to_lowercase()
        )));
    }
    Ok(())
}

/// Whether a pinned namespace is the one that we live in ourselves.
fn is_ours(path: &std::path::Path, kind: NamespaceKind) -> bool {
    use std::os::unix::fs::MetadataExt;
    let own = match kind {
        NamespaceKind::Network => "net",
        NamespaceKind::Uts => "uts",
        _ => "ipc",
    };
    let number = |path: &std::path::Path| std::fs::metadata(path).map(|it| (it.dev(), it.ino()));
    let own = number(std::path::Path::new(&format!("/proc/self/ns/{own}")));
    matches!((number(path), own), (Ok(theirs), Ok(own)) if theirs == own)
}

fn hooks(config: &Config) -> Result<(), RuntimeError> {
    let it = &config.hooks;
    let all = it
        .prestart
        .iter()
        .chain(&it.create_runtime)
        .chain(&it.create_container);
    for hook in all
        .chain(&it.start_container)
        .chain(&it.poststart)
        .chain(&it.poststop)
    {
        if !hook.path.is_absolute() {
            let path = &hook.path;
            return Err(invalid(format!("the hook {path:?} is no absolute path")));
        }
        if hook.timeout.is_some_and(|seconds| seconds <= 0) {
            let path = &hook.path;
            return Err(invalid(format!(
                "the timeout of the hook {path:?} is not positive"
            )));
        }
    }
    Ok(())
}
