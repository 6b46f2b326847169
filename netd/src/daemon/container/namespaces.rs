//! Whose namespaces a container lives in: its own, the host's, or those of another container.

use bollard_stubs::models::{ContainerConfig, HostConfig, HostConfigCgroupnsModeEnum as Cgroupns};

use crate::daemon::lookup;
use crate::error::{Error, Result};
use crate::state::State;

/// What a mode says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mode<'a> {
    /// A namespace of the container's own.
    Own,
    /// That of the host.
    Host,
    /// That of the container of this id, or of this name where none had it when it was said.
    Container(&'a str),
}

impl<'a> Mode<'a> {
    /// Reads a mode that was checked.
    pub(super) fn of(text: &'a Option<String>) -> Self {
        match text.as_deref().unwrap_or_default() {
            "host" => Self::Host,
            text => text
                .strip_prefix("container:")
                .map_or(Self::Own, Self::Container),
        }
    }
}

/// Whether other containers may join the container's IPC namespace.
pub(super) fn is_shareable(host: &HostConfig) -> bool {
    host.ipc_mode.as_deref() == Some("shareable") || Mode::of(&host.ipc_mode) != Mode::Own
}

/// Refuses modes that are none, what contradicts them, and what would change what is not the container's own (moby,
/// daemon/internal/runconfig and daemon/daemon_unix.go, `verifyPlatformContainerSettings`).
pub(super) fn check(config: &ContainerConfig, host: &HostConfig) -> Result<()> {
    let valid = |what: &str, mode: &Option<String>, words: &str, joins: bool| {
        let text = mode.as_deref().unwrap_or_default();
        let donor = text.strip_prefix("container:").unwrap_or_default();
        let fine = text.is_empty() || words.split(' ').any(|word| word == text);
        match fine || (joins && !donor.is_empty()) {
            true => Ok(()),
            false => Err(Error::Invalid(format!("invalid {what} mode: {text}"))),
        }
    };
    valid("IPC", &host.ipc_mode, "private shareable none host", true)?;
    valid("PID", &host.pid_mode, "private host", true)?;
    valid("UTS", &host.uts_mode, "private host", false)?;
    let named = config
        .hostname
        .as_ref()
        .is_some_and(|name| !name.is_empty());
    let domain = config
        .domainname
        .as_ref()
        .is_some_and(|name| !name.is_empty());
    if Mode::of(&host.uts_mode) == Mode::Host && domain {
        return Err(Error::invalid(
            "conflicting options: domainname and the UTS mode",
        ));
    }
    if Mode::of(&host.uts_mode) == Mode::Host && named {
        return Err(Error::invalid(
            "conflicting options: hostname and the UTS mode",
        ));
    }
    check_network(config, host, named)?;
    let mut names = host.sysctls.iter().flatten().map(|(name, _)| name.as_str());
    let changed = names.find(|name| match *name {
        "kernel.domainname" => Mode::of(&host.uts_mode) != Mode::Own,
        name if name.starts_with("net.") => joins_network(host),
        _ => Mode::of(&host.ipc_mode) != Mode::Own,
    });
    match changed {
        Some(name) => Err(Error::invalid(format!(
            "sysctl {name:?} not allowed: the namespace that has it is not the container's own"
        ))),
        None => Ok(()),
    }
}

/// What a container may not have whose network is another's.
fn check_network(config: &ContainerConfig, host: &HostConfig, named: bool) -> Result<()> {
    let donor = match Mode::of(&host.network_mode) {
        _ if host.network_mode.as_deref() == Some("container") => "",
        Mode::Container(donor) => donor,
        Mode::Own | Mode::Host => return Ok(()),
    };
    fn some<T>(list: &Option<Vec<T>>) -> bool {
        list.as_ref().is_some_and(|list| !list.is_empty())
    }
    let publishes = host.port_bindings.iter().any(|it| !it.is_empty())
        || host.publish_all_ports.unwrap_or(false);
    let dns = some(&host.dns) || some(&host.dns_search) || some(&host.dns_options);
    let refusals = [
        (
            donor.is_empty(),
            "invalid network mode: invalid container format container:<name|id>",
        ),
        (named, "conflicting options: hostname and the network mode"),
        (
            some(&host.links),
            "conflicting options: container type network can't be used with links. \
             This would result in undefined behavior",
        ),
        (dns, "conflicting options: dns and the network mode"),
        (
            some(&host.extra_hosts),
            "conflicting options: custom host-to-IP mapping and the network mode",
        ),
        (
            publishes,
            "conflicting options: port publishing and the container type network mode",
        ),
        (
            some(&config.exposed_ports),
            "conflicting options: port exposing and the container type network mode",
        ),
    ];
    match refusals.into_iter().find(|(refused, _)| *refused) {
        Some((_, message)) => Err(Error::invalid(message)),
        None => Ok(()),
    }
}

/// Whether the container's network namespace is another container's.
pub(super) fn joins_network(host: &HostConfig) -> bool {
    matches!(Mode::of(&host.network_mode), Mode::Container(_))
}

/// Writes down which containers are meant by their ids, which stay when they are renamed; one that does not exist yet may
/// come to before the start.
pub(super) fn settle(state: &State, host: &mut HostConfig) {
    for mode in [
        &mut host.network_mode,
        &mut host.pid_mode,
        &mut host.ipc_mode,
    ] {
        if let Mode::Container(donor) = Mode::of(mode)
            && let Ok(donor) = lookup::container(state, donor)
        {
            *mode = Some(format!("container:{}", donor.id));
        }
    }
    let none = matches!(host.cgroupns_mode, None | Some(Cgroupns::EMPTY));
    host.cgroupns_mode = host
        .cgroupns_mode
        .take()
        .filter(|_| !none)
        .or(Some(Cgroupns::PRIVATE));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(config: &str, host: &str) -> String {
        let config = serde_json::from_str(config).unwrap();
        let host = serde_json::from_str(host).unwrap();
        let refusal = check(&config, &host).err();
        refusal.map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn modes_that_are_none_are_refused_and_the_others_are_not() {
        for (field, fine, wrong) in [
            (
                "PidMode",
                "private host container:x",
                "none container: hosts",
            ),
            (
                "IpcMode",
                "private shareable none host container:x",
                "public container:",
            ),
            ("UTSMode", "private host", "container:x none"),
        ] {
            let refused = |mode: &str| refused("{}", &format!("{{\"{field}\":\"{mode}\"}}"));
            for mode in fine.split(' ') {
                assert_eq!(refused(mode), "", "{field} {mode}");
            }
            let kind = field.trim_end_matches("Mode").to_uppercase();
            for mode in wrong.split(' ') {
                assert_eq!(refused(mode), format!("invalid {kind} mode: {mode}"));
            }
        }
    }

    #[test]
    fn who_has_anothers_network_has_none_of_its_own_to_configure() {
        for (config, host, why) in [
            (r#"{"Hostname":"h"}"#, "", "hostname and the network mode"),
            ("{}", r#""Dns":["10.0.0.1"]"#, "dns and the network mode"),
            ("{}", r#""Links":["a:b"]"#, "can't be used with links"),
            ("{}", r#""ExtraHosts":["a:1.2.3.4"]"#, "custom host-to-IP"),
            ("{}", r#""PublishAllPorts":true"#, "port publishing and"),
            (r#"{"ExposedPorts":{"80/tcp":{}}}"#, "", "port exposing and"),
            ("{}", r#""Sysctls":{"net.a":"1"}"#, "not allowed"),
        ] {
            let comma = if host.is_empty() { "" } else { "," };
            let host = format!(r#"{{"NetworkMode":"container:x"{comma}{host}}}"#);
            assert!(refused(config, &host).contains(why), "{config} {host}");
        }
        assert_eq!(refused("{}", r#"{"NetworkMode":"container:x"}"#), "");
        let unnamed = refused("{}", r#"{"NetworkMode":"container:"}"#);
        assert!(unnamed.ends_with("invalid container format container:<name|id>"));
    }
}
