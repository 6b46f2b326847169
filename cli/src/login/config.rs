//! Docker's configuration file: the logins in it; all else in it stays as it is (docker/cli, cli/config/configfile).

use std::env;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

use super::{Credentials, DOCKER, helper};
use crate::error::{Error, Result};

/// The file, as it was read.
pub(crate) struct Config {
    path: PathBuf,
    document: Map<String, Value>,
}

impl Config {
    /// Reads `$DOCKER_CONFIG/config.json`, or that in `~/.docker`; one that is not there is empty.
    pub(crate) fn read() -> Result<Self> {
        let home = || PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".docker");
        let directory = env::var_os("DOCKER_CONFIG").map_or_else(home, PathBuf::from);
        Self::read_at(directory.join("config.json"))
    }

    fn read_at(path: PathBuf) -> Result<Self> {
        let document = match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map_err(|source| Error::LoginFile {
                path: path.clone(),
                source,
            })?,
            Err(error) if error.kind() == ErrorKind::NotFound => Map::new(),
            Err(source) => return Err(Error::Read { path, source }),
        };
        Ok(Self { path, document })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The login to a registry, if there is one.
    pub(crate) fn find(&self, server: &str) -> Result<Option<Credentials>> {
        if let Some(program) = self.helper(server) {
            return helper::find(&program, server);
        }
        let Some(entry) = self
            .document
            .get("auths")
            .and_then(Value::as_object)
            .and_then(|auths| entry(auths, server))
        else {
            return Ok(None);
        };
        let text = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        let both = BASE64_STANDARD
            .decode(text("auth"))
            .ok()
            .and_then(|it| String::from_utf8(it).ok());
        let (user, password) = match both.as_deref().and_then(|both| both.split_once(':')) {
            Some((user, password)) => (user.to_owned(), password.trim_end_matches('\0').to_owned()),
            None => (text("username"), text("password")),
        };
        let found = Credentials {
            user,
            password,
            token: text("identitytoken"),
        };
        Ok(Some(found).filter(|it| *it != Credentials::default()))
    }

    /// Keeps a login.
    pub(crate) fn keep(&mut self, server: &str, login: &Credentials) -> Result<()> {
        if let Some(program) = self.helper(server) {
            return helper::keep(&program, server, login);
        }
        let both = BASE64_STANDARD.encode(format!("{}:{}", login.user, login.password));
        let auths = self.document.entry("auths").or_insert_with(|| json!({}));
        auths[server] = json!({ "auth": both });
        self.write()
    }

    /// Forgets a login; tells whether there was one.
    pub(crate) fn forget(&mut self, server: &str) -> Result<bool> {
        let known = self.find(server)?.is_some();
        if let Some(program) = self.helper(server).filter(|_| known) {
            helper::forget(&program, server)?;
        }
        let auths = self
            .document
            .get_mut("auths")
            .and_then(Value::as_object_mut);
        let written = auths.is_some_and(|auths| auths.remove(server).is_some());
        if written {
            self.write()?;
        }
        Ok(known)
    }

    /// Whether a program keeps the login, not the file.
    pub(crate) fn is_safe(&self, server: &str) -> bool {
        self.helper(server).is_some()
    }

    fn helper(&self, server: &str) -> Option<String> {
        let own = self
            .document
            .get("credHelpers")
            .and_then(|it| it[server].as_str());
        let all = self.document.get("credsStore").and_then(Value::as_str);
        own.or(all)
            .filter(|it| !it.is_empty())
            .map(|it| format!("docker-credential-{it}"))
    }

    /// Writes the file, so that it is the old one or the new one, for its owner alone.
    fn write(&self) -> Result<()> {
        let temporary = self
            .path
            .with_extension(format!("json.{}", std::process::id()));
        let written = || {
            if let Some(directory) = self.path.parent() {
                fs::create_dir_all(directory)?;
            }
            let mut file = File::options()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&temporary)?;
            serde_json::to_writer_pretty(&mut file, &self.document)?;
            file.write_all(b"\n")?;
            file.sync_all()?;
            fs::rename(&temporary, &self.path)
        };
        written().map_err(|source| {
            let _ = fs::remove_file(&temporary);
            Error::Write {
                path: self.path.clone(),
                source,
            }
        })
    }
}

/// The entry for a registry, under whatever address older tools kept it.
fn entry<'a>(auths: &'a Map<String, Value>, server: &str) -> Option<&'a Value> {
    let bare = |address: &str| {
        let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
        rest.split('/').next().unwrap_or(rest).to_owned()
    };
    let same = |address: &String| server != DOCKER && bare(address) == server;
    auths.get(server).or_else(|| {
        auths
            .iter()
            .find(|(address, _)| same(address))
            .map(|(_, entry)| entry)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(user: &str, password: &str) -> Credentials {
        Credentials {
            user: user.into(),
            password: password.into(),
            token: String::new(),
        }
    }

    #[test]
    fn a_login_is_kept_beside_what_others_wrote_and_forgotten_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.json");
        fs::write(
            &path,
            r#"{"auths":{"https://old.example/v1/":{"auth":"bWU6YTpi"}},"detachKeys":"ctrl-x"}"#,
        )
        .unwrap();
        let mut config = Config::read_at(path.clone()).unwrap();
        config
            .keep("localhost:5000", &login("me", "it's ä:secret"))
            .unwrap();
        let mut config = Config::read_at(path.clone()).unwrap();
        assert!(config.find("localhost:5000").unwrap() == Some(login("me", "it's ä:secret")));
        assert!(config.find("old.example").unwrap() == Some(login("me", "a:b")));
        assert!(config.find("else.example").unwrap().is_none());
        assert!(config.forget("localhost:5000").unwrap());
        assert!(!config.forget("localhost:5000").unwrap());
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            text.contains("ctrl-x") && text.contains("old.example") && !text.contains("localhost")
        );
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(directory.path().read_dir().unwrap().count(), 1);
    }
}
