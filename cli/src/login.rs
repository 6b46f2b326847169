//! `login` and `logout`: who asks registries, kept where Docker's own tools keep it.

mod config;
mod helper;

use std::io::{IsTerminal, Read, Write, stderr, stdin};

use clap::Args;
use serde_json::{Value, json};

use crate::api::Api;
use crate::error::{Error, Result};
use crate::show::output;
use crate::stream::terminal;
pub(crate) use config::Config;

/// Docker's registry, by the address that its logins are kept under.
const DOCKER: &str = "https://index.docker.io/v1/";

/// A login to a registry.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct Credentials {
    pub(crate) user: String,
    pub(crate) password: String,
    /// What a registry gave instead of a password.
    pub(crate) token: String,
}

/// Log in to a registry; the login is kept in Docker's configuration file
#[derive(Args)]
pub(crate) struct Login {
    /// The user; asked for where none is given
    #[arg(short, long)]
    username: Option<String>,
    /// The password or access token; others see it in the list of processes
    #[arg(short, long, conflicts_with = "password_stdin")]
    password: Option<String>,
    /// Read the password from standard input
    #[arg(long, requires = "username")]
    password_stdin: bool,
    /// The registry, HOST[:PORT]; Docker's where none is given
    server: Option<String>,
}

/// Forget the login to a registry
#[derive(Args)]
pub(crate) struct Logout {
    /// The registry, HOST[:PORT]; Docker's where none is given
    server: Option<String>,
}

impl Login {
    pub(crate) async fn run(self, api: &Api) -> Result<u8> {
        let server = address(self.server.as_deref());
        let mut config = Config::read()?;
        let known = config
            .find(&server)?
            .filter(|_| self.username.is_none() && self.password.is_none());
        let asked = known.is_none();
        let login = match known {
            Some(known) => known,
            None => ask(self.username, self.password, self.password_stdin)?,
        };
        api.post("/auth", &login.document(&server)).await?;
        if asked {
            config.keep(&server, &login)?;
            if !config.is_safe(&server) {
                let path = config.path().display();
                output::warning(&format!(
                    "the password is kept unencrypted in {path}: a credential helper keeps it safer"
                ));
            }
        }
        output::line("Login Succeeded")?;
        Ok(0)
    }
}

impl Logout {
    pub(crate) fn run(self) -> Result<u8> {
        let server = address(self.server.as_deref());
        let mut config = Config::read()?;
        output::line(format!("Removing login credentials for {server}"))?;
        if !config.forget(&server)? {
            output::line(format!("Not logged in to {server}"))?;
        }
        Ok(0)
    }
}

impl Credentials {
    /// The login as the API wants it.
    pub(crate) fn document(&self, server: &str) -> Value {
        json!({
            "username": self.user,
            "password": self.password,
            "identitytoken": self.token,
            "serveraddress": server,
        })
    }
}

/// The address that the login to the registry of an image is kept under (distribution/reference, `normalize.go`).
pub(crate) fn address_of(image: &str) -> String {
    let host = image.split_once('/').map(|(host, _)| host);
    let host = host.filter(|it| {
        it.contains(['.', ':']) || *it == "localhost" || it.bytes().any(|c| c.is_ascii_uppercase())
    });
    address(host)
}

fn address(server: Option<&str>) -> String {
    let Some(server) = server else {
        return DOCKER.to_owned();
    };
    let bare = server.split_once("://").map_or(server, |(_, rest)| rest);
    match bare.split('/').next().unwrap_or(bare) {
        "docker.io" | "index.docker.io" | "registry-1.docker.io" => DOCKER.to_owned(),
        host => host.to_owned(),
    }
}

fn ask(user: Option<String>, password: Option<String>, from_stdin: bool) -> Result<Credentials> {
    let interactive = stdin().is_terminal();
    if !interactive && !from_stdin && (user.is_none() || password.is_none()) {
        return Err(Error::Conflict(
            "cannot ask for user and password without a terminal: give -u and --password-stdin",
        ));
    }
    let user = user.map_or_else(|| question("Username: "), Ok)?;
    let password = match password {
        Some(password) => password,
        None if from_stdin => {
            let mut text = String::new();
            stdin().read_to_string(&mut text).map_err(Error::Input)?;
            text.trim_end_matches(['\r', '\n']).to_owned()
        }
        None => {
            let _silent = terminal::Raw::silent()?;
            let password = question("Password: ");
            // the key that ended it was not shown either
            let _ = writeln!(stderr());
            password?
        }
    };
    if user.is_empty() || password.is_empty() {
        return Err(Error::Conflict("user and password cannot be empty"));
    }
    Ok(Credentials {
        user,
        password,
        token: String::new(),
    })
}

fn question(text: &str) -> Result<String> {
    // a terminal that shows nothing can still be typed on
    let _ = write!(stderr(), "{text}").and_then(|()| stderr().flush());
    let mut line = String::new();
    stdin().read_line(&mut line).map_err(Error::Input)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_images_name_leads_to_the_login_for_its_registry() {
        for (image, server) in [
            ("busybox", DOCKER),
            ("team/app:1", DOCKER),
            ("docker.io/team/app", DOCKER),
            ("localhost/app", "localhost"),
            ("localhost:5000/app:1", "localhost:5000"),
            ("registry.example/a/b", "registry.example"),
        ] {
            assert_eq!(address_of(image), server, "{image}");
        }
        assert_eq!(
            address(Some("https://registry.example/v2/")),
            "registry.example"
        );
    }
}
