//! What a container may do: its capabilities, its system calls, the kernel's files it sees.

use bollard_stubs::models::HostConfig;
use rnet_runtime_glue::seccomp::Profile;
use rnet_runtime_glue::spec::Seccomp;
use rnet_runtime_glue::{Capabilities, defaults};

use crate::error::{Error, Result};

/// What `--security-opt` asks for.
pub(super) struct Options {
    pub(super) no_new_privileges: bool,
    pub(super) seccomp: Seccomp,
}

/// Refuses what cannot be done, at the creation of a container.
pub(super) fn check(host: &HostConfig) -> Result<()> {
    capabilities(host)?;
    let asked = options(host)?;
    asked.seccomp.validate()?;
    for path in host
        .masked_paths
        .iter()
        .chain(&host.readonly_paths)
        .flatten()
    {
        if !path.starts_with('/') || path.split('/').any(|part| part == "..") {
            return Err(Error::invalid(format!(
                "invalid path {path:?} to be masked or read-only: an absolute one without .. is expected"
            )));
        }
    }
    Ok(())
}

/// What `--security-opt` asks for; each entry is `NAME`, `NAME=VALUE` or, as it once was, `NAME:VALUE`.
pub(super) fn options(host: &HostConfig) -> Result<Options> {
    let mut options = Options {
        no_new_privileges: false,
        seccomp: match host.privileged {
            Some(true) => Seccomp::Unconfined,
            _ => Seccomp::Default,
        },
    };
    for text in host.security_opt.iter().flatten() {
        let invalid = || Error::invalid(format!("invalid --security-opt 2: {text:?}"));
        let at = text.find(['=', ':']);
        let (name, value) = at.map_or((text.as_str(), None), |at| {
            (&text[..at], Some(&text[at + 1..]))
        });
        match (name, value) {
            ("no-new-privileges", None) => options.no_new_privileges = true,
            ("no-new-privileges", Some(value)) => {
                options.no_new_privileges = value.parse().map_err(|_| invalid())?;
            }
            ("seccomp", Some("unconfined")) => options.seccomp = Seccomp::Unconfined,
            ("seccomp", Some("builtin")) => options.seccomp = Seccomp::Default,
            ("seccomp", Some(profile)) => options.seccomp = parsed(profile)?,
            // there is none to be turned off
            ("apparmor", Some("unconfined")) | ("label", Some("disable")) => {}
            ("apparmor" | "label" | "credentialspec" | "writable-cgroups", Some(_)) => {
                return Err(Error::Unsupported(format!(
                    "HostConfig.SecurityOpt {name:?} is not supported by rnet yet: leave it out"
                )));
            }
            _ => return Err(invalid()),
        }
    }
    Ok(options)
}

/// Docker's default capabilities, with those to add and without those to drop.
pub(super) fn capabilities(host: &HostConfig) -> Result<Capabilities> {
    if host.privileged.unwrap_or(false) {
        return Ok(Capabilities::available());
    }
    let names = |names: &Option<Vec<String>>| names.clone().unwrap_or_default();
    with_and_without(&names(&host.cap_add), &names(&host.cap_drop))
}

/// What is hidden from a container.
pub(super) fn masked_paths(host: &HostConfig) -> Vec<String> {
    paths(host, &host.masked_paths, defaults::MASKED_PATHS)
}

/// What a container cannot write to.
pub(super) fn readonly_paths(host: &HostConfig) -> Vec<String> {
    paths(host, &host.readonly_paths, defaults::READONLY_PATHS)
}

fn paths(host: &HostConfig, asked: &Option<Vec<String>>, usual: &[&str]) -> Vec<String> {
    let usual = || usual.iter().map(ToString::to_string).collect();
    match asked {
        _ if host.privileged.unwrap_or(false) => Vec::new(),
        Some(paths) => paths.clone(),
        None => usual(),
    }
}

fn parsed(profile: &str) -> Result<Seccomp> {
    let profile: Profile = serde_json::from_str(profile).map_err(|error| {
        Error::invalid(format!(
            "Decoding seccomp profile failed: {error}: a profile in JSON, builtin or unconfined is expected"
        ))
    })?;
    Ok(Seccomp::Profile(Box::new(profile)))
}

/// Docker's default capabilities with `add` and without `drop`; `ALL` stands for every one there is.
fn with_and_without(add: &[String], drop: &[String]) -> Result<Capabilities> {
    let available = Capabilities::available();
    let set = |names: &[String]| {
        names.iter().try_fold(Capabilities::default(), |set, name| {
            if name.eq_ignore_ascii_case("all") {
                return Ok(available);
            }
            let one =
                Capabilities::named(name).map_err(|error| Error::invalid(error.to_string()))?;
            Ok::<_, Error>(set.union(one))
        })
    };
    let (add, drop) = (set(add)?, set(drop)?);
    let missing = add.difference(available);
    if !missing.is_empty() {
        return Err(Error::invalid(format!(
            "cannot add {missing}: this host does not let netd have it"
        )));
    }
    // what is added by name stays, whatever else is dropped
    let all_dropped = drop == available;
    let base = if all_dropped {
        Capabilities::default()
    } else {
        defaults::capabilities()
    };
    let kept = base.union(add);
    Ok(if all_dropped {
        kept
    } else {
        kept.difference(drop)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_dockers_with_those_added_and_without_those_dropped() {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let raw = Capabilities::named("NET_RAW").unwrap();
        let dropped = with_and_without(&[], &names(&["net_raw"])).unwrap();
        assert_eq!(dropped, defaults::capabilities().difference(raw));
        assert_eq!(
            with_and_without(&names(&["NET_RAW"]), &names(&["ALL"])).unwrap(),
            raw
        );
        assert!(with_and_without(&names(&["NO_SUCH"]), &[]).is_err());
    }

    #[test]
    fn a_security_option_is_understood_or_refused() {
        let asked = |text: &str| {
            options(&HostConfig {
                security_opt: Some(vec![text.to_owned()]),
                ..HostConfig::default()
            })
        };
        for (text, expected) in [
            ("no-new-privileges", true),
            ("no-new-privileges:true", true),
            ("no-new-privileges=false", false),
            ("apparmor=unconfined", false),
        ] {
            assert_eq!(asked(text).unwrap().no_new_privileges, expected, "{text}");
        }
        let unconfined = asked("seccomp=unconfined").unwrap().seccomp;
        assert_eq!(unconfined, Seccomp::Unconfined);
        assert_eq!(asked("seccomp:builtin").unwrap().seccomp, Seccomp::Default);
        let own = asked(r#"seccomp={"defaultAction":"SCMP_ACT_ALLOW"}"#).unwrap();
        assert!(matches!(own.seccomp, Seccomp::Profile(_)));
        for text in [
            "seccomp",
            "seccomp={}",
            "no-new-privileges=maybe",
            "apparmor=x",
            "label=user:u",
            "other=1",
        ] {
            assert!(asked(text).is_err(), "{text}");
        }
    }
}
