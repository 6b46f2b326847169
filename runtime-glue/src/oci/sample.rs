//! `spec`: a configuration to start from, of a shell in namespaces of its own.

use std::path::Path;

use serde_json::{Value, json};

use crate::{RuntimeError, defaults};

/// Writes `config.json` into the bundle, or here; one that is there stays as it is.
pub(super) fn write(bundle: Option<&Path>, rootless: bool) -> Result<(), RuntimeError> {
    let path = bundle.unwrap_or(Path::new(".")).join("config.json");
    let text = format!("{:#}\n", sample(rootless));
    std::fs::File::create_new(&path)
        .and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))
        .map_err(RuntimeError::file("write", path))
}

fn sample(rootless: bool) -> Value {
    let capabilities = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];
    let mut namespaces: Vec<Value> = ["pid", "ipc", "uts", "mount", "cgroup"]
        .map(|kind| json!({"type": kind}))
        .into();
    // the host's network is all that a user without privileges has
    namespaces.push(json!({"type": if rootless { "user" } else { "network" }}));
    let mount = |destination: &str, kind: &str, options: &[&str]| json!({"destination": destination, "type": kind, "source": kind, "options": options});
    let sealed = ["nosuid", "noexec", "nodev"];
    let readonly = ["nosuid", "noexec", "nodev", "ro"];
    let mut config = json!({
        "ociVersion": "1.2.1",
        "process": {
            "terminal": true,
            "user": {"uid": 0, "gid": 0},
            "args": ["sh"],
            "env": [format!("PATH={}", defaults::PATH), "TERM=xterm"],
            "cwd": "/",
            "capabilities": {
                "bounding": capabilities, "effective": capabilities, "permitted": capabilities,
            },
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
            "noNewPrivileges": true,
        },
        "root": {"path": "rootfs", "readonly": true},
        "hostname": "rnet",
        "mounts": [
            mount("/proc", "proc", &sealed),
            mount("/dev", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
            mount("/dev/pts", "devpts", &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]),
            mount("/dev/shm", "tmpfs", &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
            mount("/dev/mqueue", "mqueue", &sealed),
            mount("/sys", "sysfs", &readonly),
            mount("/sys/fs/cgroup", "cgroup", &readonly),
        ],
        "linux": {
            "resources": {"devices": [{"allow": false, "access": "rwm"}]},
            "namespaces": namespaces,
            "maskedPaths": defaults::MASKED_PATHS,
            "readonlyPaths": defaults::READONLY_PATHS,
        },
    });
    if rootless {
        let user = rustix::process::geteuid().as_raw();
        let group = rustix::process::getegid().as_raw();
        let map = |host: u32| json!([{"containerID": 0, "hostID": host, "size": 1}]);
        config["linux"]["uidMappings"] = map(user);
        config["linux"]["gidMappings"] = map(group);
        config["mounts"][5] = json!({
            "destination": "/sys", "type": "none", "source": "/sys",
            "options": ["rbind", "nosuid", "noexec", "nodev", "rro", "ro"],
        });
    }
    config
}

#[cfg(test)]
mod tests {
    use super::super::{check, config::Config};
    use super::*;

    #[test]
    fn what_it_writes_is_what_it_takes() {
        for rootless in [false, true] {
            let config = Config::parse(&sample(rootless).to_string()).unwrap();
            check::config(&config).unwrap();
        }
    }

    #[test]
    fn an_unknown_setting_is_refused_by_name() {
        for (place, name) in [("", "umask"), ("process", "jailed"), ("linux", "firewall")] {
            let mut config = sample(false);
            let object = if place.is_empty() {
                &mut config
            } else {
                &mut config[place]
            };
            object[name] = json!(true);
            let error = Config::parse(&config.to_string()).unwrap_err();
            assert!(error.to_string().contains(&format!("`{name}`")), "{error}");
        }
    }
}
