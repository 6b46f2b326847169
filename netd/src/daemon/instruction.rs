//! Changes of an image's configuration, written as instructions of a Dockerfile (`commit -c`, `import -c`).
//!
//! Source: moby, builder/dockerfile/dispatchers.go, for what each of them does; docs.docker.com, "docker container commit", for
//! which there are.

use std::path::Path;

use rnet_runtime_glue::image::{Empty, Healthcheck, ImageConfig};

use crate::error::{Error, Result};

/// Does what an instruction says.
pub fn apply(config: &mut ImageConfig, instruction: &str) -> Result<()> {
    let instruction = instruction.trim();
    let (word, rest) = instruction
        .split_once(char::is_whitespace)
        .unwrap_or((instruction, ""));
    let (name, rest) = (word.to_ascii_uppercase(), rest.trim());
    if rest.is_empty() {
        return Err(Error::invalid(format!(
            "{name} requires at least one argument"
        )));
    }
    match name.as_str() {
        "CMD" => config.cmd = command(rest),
        "ENTRYPOINT" => {
            config.entrypoint = command(rest);
            // the old arguments were the old program's
            config.cmd.clear();
        }
        "ENV" => {
            for (key, value) in pairs(rest)? {
                config
                    .env
                    .retain(|it| it.split_once('=').is_none_or(|(name, _)| name != key));
                config.env.push(format!("{key}={value}"));
            }
        }
        "LABEL" => config.labels.extend(pairs(rest)?),
        "EXPOSE" => {
            for port in words(rest) {
                let port = if port.contains('/') {
                    port
                } else {
                    format!("{port}/tcp")
                };
                config.exposed_ports.insert(port, Empty {});
            }
        }
        "USER" => config.user = rest.to_owned(),
        "VOLUME" => {
            let paths = list(rest).unwrap_or_else(|| words(rest));
            config
                .volumes
                .extend(paths.into_iter().map(|path| (path, Empty {})));
        }
        "WORKDIR" => {
            let base = if config.working_dir.is_empty() {
                "/"
            } else {
                &config.working_dir
            };
            config.working_dir = Path::new(base).join(rest).display().to_string();
        }
        "STOPSIGNAL" => config.stop_signal = rest.to_owned(),
        "HEALTHCHECK" => config.healthcheck = Some(healthcheck(rest)?),
        _ => {
            return Err(Error::invalid(format!(
                "{name} is not a valid change command"
            )));
        }
    }
    Ok(())
}

/// A list of words in JSON, or a line for a shell.
fn command(text: &str) -> Vec<String> {
    list(text).unwrap_or_else(|| vec!["/bin/sh".to_owned(), "-c".to_owned(), text.to_owned()])
}

fn list(text: &str) -> Option<Vec<String>> {
    text.starts_with('[')
        .then(|| serde_json::from_str(text).ok())
        .flatten()
}

fn healthcheck(text: &str) -> Result<Healthcheck> {
    let test = match text.split_once(char::is_whitespace) {
        _ if text.eq_ignore_ascii_case("none") => vec!["NONE".to_owned()],
        Some((kind, rest)) if kind.eq_ignore_ascii_case("cmd") => match list(rest.trim()) {
            Some(words) => [vec!["CMD".to_owned()], words].concat(),
            None => vec!["CMD-SHELL".to_owned(), rest.trim().to_owned()],
        },
        _ => {
            return Err(Error::invalid(
                "HEALTHCHECK takes NONE, or CMD and a command, without options",
            ));
        }
    };
    Ok(Healthcheck {
        test,
        ..Healthcheck::default()
    })
}

/// `KEY=VALUE`s, or one `KEY VALUE`.
fn pairs(text: &str) -> Result<Vec<(String, String)>> {
    let words = words(text);
    let split = |word: &String| {
        let (key, value) = word.split_once('=')?;
        (!key.is_empty()).then(|| (key.to_owned(), value.to_owned()))
    };
    if let Some(pairs) = words.iter().map(split).collect() {
        return Ok(pairs);
    }
    match text.split_once(char::is_whitespace) {
        Some((key, value)) if !key.contains('=') => {
            Ok(vec![(key.to_owned(), value.trim().to_owned())])
        }
        _ => Err(Error::invalid(format!(
            "syntax error: can't find = in {text:?}: must be of the form: name=value"
        ))),
    }
}

/// The words of a line, as a shell splits them: by blanks that are not in quotes, nor behind a backslash.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut begun) = (Vec::new(), String::new(), None, false);
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match (c, quote) {
            ('\\', None | Some('"')) => {
                word.extend(characters.next());
                begun = true;
            }
            (c, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) => (quote, begun) = (Some(c), true),
            (c, None) if c.is_whitespace() => {
                if std::mem::take(&mut begun) {
                    words.push(std::mem::take(&mut word));
                }
            }
            (c, _) => {
                word.push(c);
                begun = true;
            }
        }
    }
    if begun {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_change_what_they_name() {
        let mut config = ImageConfig {
            cmd: vec!["old".into()],
            env: vec!["A=1".into(), "PATH=/bin".into()],
            ..ImageConfig::default()
        };
        for line in [
            r#"ENTRYPOINT ["/app","-v"]"#,
            "cmd serve --all",
            r#"ENV A="two words" B=it\'s"#,
            "ENV OLD some words",
            "LABEL tier=front 'a b'=c",
            "EXPOSE 80 53/udp",
            "USER app:staff",
            "VOLUME /data /more",
            "WORKDIR /srv",
            "WORKDIR app",
            "STOPSIGNAL SIGUSR1",
            "HEALTHCHECK CMD test -e /up",
        ] {
            apply(&mut config, line).unwrap();
        }
        assert_eq!(config.entrypoint, ["/app", "-v"]);
        assert_eq!(config.cmd, ["/bin/sh", "-c", "serve --all"]);
        assert_eq!(
            config.env,
            ["PATH=/bin", "A=two words", "B=it's", "OLD=some words"]
        );
        assert_eq!(config.labels["a b"], "c");
        assert_eq!(
            config.exposed_ports.keys().collect::<Vec<_>>(),
            ["53/udp", "80/tcp"]
        );
        assert_eq!(config.volumes.len(), 2);
        assert_eq!(
            (config.working_dir.as_str(), config.user.as_str()),
            ("/srv/app", "app:staff")
        );
        assert_eq!(
            config.healthcheck.unwrap().test,
            ["CMD-SHELL", "test -e /up"]
        );
    }

    #[test]
    fn what_cannot_be_changed_is_refused_by_name() {
        for (line, words) in [
            ("RUN make", "RUN is not a valid change command"),
            ("CMD", "CMD requires at least one argument"),
            ("ENV A", "must be of the form"),
        ] {
            let error = apply(&mut ImageConfig::default(), line)
                .unwrap_err()
                .to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
