//! Programs that keep logins (docker/docker-credential-helpers): one verb each time, a question on standard input.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::Credentials;
use crate::error::{Error, Result};

/// What a program says of a registry that it keeps no login to.
const NOTHING: &str = "credentials not found";

/// The user's name that says that the password is a registry's token.
const TOKEN: &str = "<token>";

/// The login to a registry, if the program keeps one.
pub(super) fn find(program: &str, server: &str) -> Result<Option<Credentials>> {
    let (done, said) = ask(program, "get", server)?;
    if !done {
        return match said.contains(NOTHING) {
            true => Ok(None),
            false => Err(refusal(program, &said)),
        };
    }
    let told: Value =
        serde_json::from_str(&said).map_err(|_| refusal(program, "its answer is no JSON"))?;
    let text = |key: &str| told[key].as_str().unwrap_or_default().to_owned();
    let (user, password) = (text("Username"), text("Secret"));
    Ok(Some(match user.as_str() {
        TOKEN => Credentials {
            token: password,
            ..Default::default()
        },
        _ => Credentials {
            user,
            password,
            token: String::new(),
        },
    }))
}

/// Lets the program keep a login.
pub(super) fn keep(program: &str, server: &str, login: &Credentials) -> Result<()> {
    let told = json!({ "ServerURL": server, "Username": login.user, "Secret": login.password });
    match ask(program, "store", &told.to_string())? {
        (true, _) => Ok(()),
        (false, said) => Err(refusal(program, &said)),
    }
}

/// Lets the program forget a login.
pub(super) fn forget(program: &str, server: &str) -> Result<()> {
    match ask(program, "erase", server)? {
        (true, _) => Ok(()),
        (false, said) => Err(refusal(program, &said)),
    }
}

/// Whether it did it, and what it said.
fn ask(program: &str, verb: &str, question: &str) -> Result<(bool, String)> {
    let asked = || {
        let mut child = Command::new(program)
            .arg(verb)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // one that does not read says why by its code
            let _ = stdin.write_all(question.as_bytes());
        }
        child.wait_with_output()
    };
    let answer = asked().map_err(|source| Error::CredentialHelper {
        program: program.to_owned(),
        source,
    })?;
    Ok((
        answer.status.success(),
        String::from_utf8_lossy(&answer.stdout).trim().to_owned(),
    ))
}

fn refusal(program: &str, said: &str) -> Error {
    Error::CredentialHelper {
        program: program.to_owned(),
        source: std::io::Error::other(said.to_owned()),
    }
}
