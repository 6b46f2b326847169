//! Where plugins are: sockets, and files that name an address (moby, `pkg/plugins/discovery.go`).

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{PluginError, PluginSettings, Result};

/// Where a plugin listens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Address {
    /// On a socket of this host.
    Unix(PathBuf),
    /// At a host and port.
    Tcp(String),
    /// The same, behind TLS.
    Tls(Tls),
}

/// A plugin behind TLS.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Tls {
    pub(super) host: String,
    pub(super) config: TlsConfig,
}

/// How it is known to be the one it says, and how it knows rnet.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct TlsConfig {
    /// Whether anybody is believed.
    pub(super) insecure_skip_verify: bool,
    /// The certificates of the authorities that are believed; all that the host believes where it is empty.
    #[serde(rename = "CAFile")]
    pub(super) ca_file: String,
    /// The certificate that rnet shows.
    pub(super) cert_file: String,
    /// Its key.
    pub(super) key_file: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Specification {
    addr: String,
    #[serde(rename = "TLSConfig", default)]
    tls: Option<TlsConfig>,
}

/// The plugin of that name: a socket before a file, and the first directory first.
pub(super) fn find(settings: &PluginSettings, plugin: &str) -> Result<Address> {
    let not_found = || PluginError::NotFound {
        plugin: plugin.to_owned(),
    };
    if !is_name(plugin) {
        return Err(not_found());
    }
    let paths = |suffix: &'static str| {
        let directories = settings.directories.iter();
        directories.flat_map(move |it| {
            let file = format!("{plugin}.{suffix}");
            [it.join(&file), it.join(plugin).join(&file)]
        })
    };
    if let Some(socket) = paths("sock").find(|path| is_socket(settings, path)) {
        return Ok(Address::Unix(socket));
    }
    let mut files = paths("spec").chain(paths("json"));
    let file = files.find(|path| path.exists()).ok_or_else(not_found)?;
    let address = read(&file).map_err(|cause| PluginError::Specification {
        plugin: plugin.to_owned(),
        file: file.display().to_string(),
        cause,
    })?;
    match &address {
        // whoever names it so
        Address::Unix(path) if is_own(settings, path) => Err(not_found()),
        _ => Ok(address),
    }
}

/// The names of all that can be found.
pub(super) fn names(settings: &PluginSettings) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for directory in &settings.directories {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = if path.is_dir() {
                path.file_name()
            } else {
                path.file_stem()
            };
            names.extend(name.and_then(|it| it.to_str()).map(str::to_owned));
        }
    }
    names.retain(|name| find(settings, name).is_ok());
    names
}

/// Whether it is a name within a directory, and none that leads out of it.
fn is_name(plugin: &str) -> bool {
    !plugin.is_empty() && !plugin.starts_with('.') && !plugin.contains(['/', '\0'])
}

fn is_socket(settings: &PluginSettings, path: &Path) -> bool {
    let found = fs::metadata(path).is_ok_and(|it| it.file_type().is_socket());
    found && !is_own(settings, path)
}

/// Whether it is the daemon's own, under whatever name.
fn is_own(settings: &PluginSettings, path: &Path) -> bool {
    let identity = |path: &Path| fs::metadata(path).ok().map(|it| (it.dev(), it.ino()));
    let Some(own) = &settings.own_socket else {
        return false;
    };
    path == own || identity(own).is_some_and(|own| identity(path) == Some(own))
}

fn read(file: &Path) -> Result<Address, String> {
    let text = fs::read_to_string(file).map_err(|error| error.to_string())?;
    if file.extension().is_some_and(|it| it == "json") {
        let found: Specification =
            serde_json::from_str(&text).map_err(|error| error.to_string())?;
        return address(&found.addr, found.tls);
    }
    address(text.trim(), None)
}

fn address(text: &str, tls: Option<TlsConfig>) -> Result<Address, String> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let rest = rest.trim_end_matches('/').to_owned();
    match (scheme, tls) {
        ("unix", _) if rest.starts_with('/') => Ok(Address::Unix(rest.into())),
        ("tcp" | "http", None) => Ok(Address::Tcp(rest)),
        ("tcp" | "https", config) => Ok(Address::Tls(Tls {
            host: rest,
            config: config.unwrap_or_default(),
        })),
        _ => Err(format!(
            "{text:?} is no address: write unix:///PATH, tcp://HOST:PORT or https://HOST:PORT"
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::time::Duration;

    use super::*;

    fn settings(directories: &[&Path]) -> PluginSettings {
        PluginSettings {
            directories: directories.iter().map(|it| (*it).to_owned()).collect(),
            own_socket: None,
            deadline: Duration::from_secs(1),
        }
    }

    #[test]
    fn a_socket_comes_before_a_file_and_both_may_be_in_a_directory_of_their_own() {
        let root = tempfile::tempdir().unwrap();
        let [run, etc] = ["run", "etc"].map(|it| root.path().join(it));
        fs::create_dir_all(run.join("deep")).unwrap();
        fs::create_dir_all(etc.join("far")).unwrap();
        let flat = UnixListener::bind(run.join("flat.sock")).unwrap();
        let deep = UnixListener::bind(run.join("deep/deep.sock")).unwrap();
        fs::write(etc.join("flat.spec"), "tcp://never:1").unwrap();
        fs::write(etc.join("there.spec"), "unix:///run/there\n").unwrap();
        fs::write(etc.join("far/far.spec"), "tcp://far:99/").unwrap();
        let json = r#"{"Name":"safe","Addr":"https://safe:1","TLSConfig":{"CAFile":"/ca"}}"#;
        fs::write(etc.join("safe.json"), json).unwrap();
        fs::write(etc.join("notes.txt"), "").unwrap();
        let settings = settings(&[&run, &etc]);
        let found = |name: &str| find(&settings, name).unwrap();
        assert_eq!(found("flat"), Address::Unix(run.join("flat.sock")));
        assert_eq!(found("deep"), Address::Unix(run.join("deep/deep.sock")));
        assert_eq!(found("there"), Address::Unix("/run/there".into()));
        assert_eq!(found("far"), Address::Tcp("far:99".to_owned()));
        let Address::Tls(safe) = found("safe") else {
            panic!("no TLS");
        };
        assert_eq!(
            (safe.host.as_str(), safe.config.ca_file.as_str()),
            ("safe:1", "/ca")
        );
        let all = ["deep", "far", "flat", "safe", "there"].map(str::to_owned);
        assert_eq!(names(&settings), all.into());
        drop((flat, deep));
    }

    #[test]
    fn what_is_not_there_or_leads_elsewhere_is_not_found() {
        let root = tempfile::tempdir().unwrap();
        let run = root.path().join("run");
        fs::create_dir(&run).unwrap();
        let _outside = UnixListener::bind(root.path().join("outside.sock")).unwrap();
        fs::write(run.join("odd.spec"), "somewhere").unwrap();
        fs::write(run.join("file.sock"), "").unwrap();
        let settings = settings(&[&run]);
        for name in ["", "absent", "../outside", ".", "file", "a/b"] {
            let error = find(&settings, name).unwrap_err();
            let words = "in v1 plugin registry: plugin not found";
            assert!(error.to_string().ends_with(words), "{name}: {error}");
        }
        let error = find(&settings, "odd").unwrap_err().to_string();
        assert!(error.contains("write unix:///PATH"), "{error}");
    }

    #[test]
    fn a_daemon_is_no_plugin_of_its_own_under_any_name() {
        let root = tempfile::tempdir().unwrap();
        let own = root.path().join("rnet.sock");
        let _listener = UnixListener::bind(&own).unwrap();
        std::os::unix::fs::symlink(&own, root.path().join("alias.sock")).unwrap();
        let unix = format!("unix://{}", own.display());
        fs::write(root.path().join("spec.spec"), unix).unwrap();
        let mut settings = settings(&[root.path()]);
        assert_eq!(names(&settings).len(), 3);
        settings.own_socket = Some(own);
        for name in ["rnet", "alias", "spec"] {
            assert!(find(&settings, name).is_err(), "{name}");
        }
        assert!(names(&settings).is_empty());
    }
}
