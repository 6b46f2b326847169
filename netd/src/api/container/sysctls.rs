//! Kernel variables of interfaces among those of the container: older clients' are moved to an endpoint.

use bollard_stubs::models::ContainerCreateBody;
use rnet_model::ENDPOINT_SYSCTLS;

use super::main_endpoint::main_endpoint;
use crate::api::error::Failure;
use crate::api::version::ApiVersion;

/// The last version in which they are moved for the client (moby, daemon/server/router/container: `handleSysctlBC`).
const LAST_MIGRATED: ApiVersion = ApiVersion::new(47);

/// Moves `net.X.Y.eth0.Z` to the driver options of the main network's endpoint, whose interface that was; a warning
/// if there was any.
///
/// Refused for newer versions, and for other interfaces, which are nobody's in particular.
pub(super) fn migrate(
    body: &mut ContainerCreateBody,
    version: ApiVersion,
) -> Result<Option<String>, Failure> {
    let host = body.host_config.get_or_insert_default();
    let mode = host.network_mode.as_deref().unwrap_or_default();
    if mode == "host" || mode.starts_with("container:") {
        return Ok(None);
    }
    let sysctls = host.sysctls.get_or_insert_default();
    let mut names: Vec<String> = sysctls
        .keys()
        .filter(|name| interface(name).is_some())
        .cloned()
        .collect();
    names.sort_unstable();
    if names.is_empty() {
        return Ok(None);
    }
    let mut moved = Vec::new();
    for name in &names {
        if version > LAST_MIGRATED {
            return Err(Failure::invalid(format!(
                "interface specific sysctl setting {name:?} must be supplied using driver option '{ENDPOINT_SYSCTLS}'"
            )));
        }
        if interface(name) != Some("eth0") {
            return Err(Failure::invalid(format!(
                "unable to determine network endpoint for sysctl {name}, \
                 use driver option '{ENDPOINT_SYSCTLS}' to set per-interface sysctls"
            )));
        }
        let value = sysctls.remove(name).unwrap_or_default();
        moved.push(format!(
            "{}={value}",
            name.replacen(".eth0.", ".IFNAME.", 1)
        ));
    }
    let options = main_endpoint(host, &mut body.networking_config)
        .driver_opts
        .get_or_insert_default();
    moved.extend(options.remove(ENDPOINT_SYSCTLS));
    let all = moved.join(",");
    options.insert(ENDPOINT_SYSCTLS.to_owned(), all.clone());
    let names = names.join(", ");
    Ok(Some(format!(
        "Migrated sysctl(s) {names} to DriverOpts{{{ENDPOINT_SYSCTLS:?}:{all:?}}}."
    )))
}

/// The interface a variable is of.
fn interface(name: &str) -> Option<&str> {
    let parts: Vec<&str> = name.splitn(5, '.').collect();
    match parts[..] {
        ["net", _, _, interface, _] if interface.starts_with("eth") => Some(interface),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn migrated(
        sysctls: &str,
        minor: u32,
    ) -> Result<(Option<String>, ContainerCreateBody), String> {
        let text = format!(
            r#"{{"HostConfig":{{"NetworkMode":"n","Sysctls":{sysctls}}},"NetworkingConfig":{{"EndpointsConfig":{{"n":
                {{"DriverOpts":{{"{ENDPOINT_SYSCTLS}":"net.ipv6.conf.IFNAME.b=2"}}}}}}}}}}"#
        );
        let mut body = serde_json::from_str(&text).unwrap();
        let warning =
            migrate(&mut body, ApiVersion::new(minor)).map_err(|failure| failure.to_string())?;
        Ok((warning, body))
    }

    #[test]
    fn variables_of_the_first_interface_move_to_its_endpoint_for_older_clients() {
        let sysctls = r#"{"net.ipv4.conf.eth0.a":"1","net.ipv4.ip_forward":"1"}"#;
        let (warning, body) = migrated(sysctls, 47).unwrap();
        let host = body.host_config.unwrap().sysctls.unwrap();
        assert_eq!(host.keys().collect::<Vec<_>>(), ["net.ipv4.ip_forward"]);
        let endpoints = body.networking_config.unwrap().endpoints_config.unwrap();
        let options = endpoints["n"].driver_opts.as_ref().unwrap();
        let list = "net.ipv4.conf.IFNAME.a=1,net.ipv6.conf.IFNAME.b=2";
        assert_eq!(options[ENDPOINT_SYSCTLS], list);
        assert!(
            warning
                .unwrap()
                .starts_with("Migrated sysctl(s) net.ipv4.conf.eth0.a to DriverOpts")
        );
    }

    #[test]
    fn newer_clients_and_other_interfaces_are_refused_and_variables_of_no_interface_stay() {
        let first = r#"{"net.ipv4.conf.eth0.a":"1"}"#;
        assert!(
            migrated(first, 48)
                .unwrap_err()
                .contains("must be supplied using driver option")
        );
        let second = r#"{"net.ipv4.conf.eth1.a":"1"}"#;
        assert!(
            migrated(second, 47)
                .unwrap_err()
                .starts_with("unable to determine network endpoint")
        );
        let of_all = r#"{"net.ipv4.conf.all.a":"1","net.core.somaxconn":"9"}"#;
        assert_eq!(migrated(of_all, 51).unwrap().0, None);
    }
}
