//! From the command line to the API's words: the request that creates a container.

use std::collections::HashMap;

use bollard::models::{ContainerCreateBody, EndpointSettings, HostConfig, NetworkingConfig};

use super::options::{NetworkOptions, Options};
use crate::error::{Error, Result};
use crate::parse::attachment::Attachment;
use crate::parse::device::Ulimit;
use crate::parse::host_entry::HostEntry;
use crate::parse::mount::Mount;
use crate::parse::ports::{Expose, Publish};
use crate::parse::{env, pair, ports, volume};

/// The network of a container that names none.
const DEFAULT_NETWORK: &str = "default";

/// What `options` ask for; `attached` says whether its streams will be ours.
///
/// # Errors
///
/// When two options contradict each other, or an environment file cannot be read.
pub(crate) fn create(options: Options, attached: bool) -> Result<ContainerCreateBody> {
    let Options {
        interactive,
        tty,
        remove,
        label,
        label_file,
        annotation,
        process,
        network,
        resources,
        security,
        life,
        ..
    } = options;
    let mut words = options.image_and_command.into_iter();
    let (image, command) = (words.next(), words.collect());
    let exposed = network.publish.iter().flat_map(Publish::names);
    let exposed = exposed
        .chain(network.expose.iter().flat_map(Expose::names))
        .collect();
    let attachments = attachments(&network)?;
    let (bare, binds): (Vec<_>, Vec<_>) = resources.volume.iter().partition(|it| it.is_bare());
    let mut labels = env::labels(&label_file)?;
    labels.extend(pair::map(&label));
    labels.extend(ports::labels(&network.publish));
    let mut host_config = HostConfig {
        annotations: Some(pair::map(&annotation)).filter(|it| !it.is_empty()),
        mounts: some(resources.mount.iter().map(Mount::model).collect()),
        memory_swappiness: resources.memory_swappiness,
        oom_kill_disable: resources.oom_kill_disable.then_some(true),
        cgroup_parent: resources.cgroup_parent,
        auto_remove: Some(remove),
        network_mode: attachments.first().map(|first| first.network.clone()),
        port_bindings: Some(ports::bindings(&network.publish)),
        publish_all_ports: Some(network.publish_all),
        // on the default network links are the container's; the daemon passes them over elsewhere
        links: some(network.link.iter().map(ToString::to_string).collect()),
        sysctls: Some(pair::map(&network.sysctl)).filter(|sysctls| !sysctls.is_empty()),
        dns: some(network.dns.iter().map(ToString::to_string).collect()),
        dns_search: some(network.dns_search),
        dns_options: some(network.dns_option),
        extra_hosts: some(
            network
                .add_host
                .iter()
                .map(HostEntry::as_str)
                .map(Into::into)
                .collect(),
        ),
        readonly_rootfs: Some(resources.read_only),
        tmpfs: Some(volume::tmpfs(&resources.tmpfs)).filter(|mounts| !mounts.is_empty()),
        binds: some(binds.iter().map(|it| it.as_str().to_owned()).collect()),
        volumes_from: some(resources.volumes_from),
        init: process.init.then_some(true),
        ulimits: some(resources.ulimit.iter().map(Ulimit::limit).collect()),
        oom_score_adj: resources.oom_score_adj,
        shm_size: resources.shm_size.map(|bytes| bytes.0),
        ..Default::default()
    };
    resources.limits.set(&mut host_config);
    resources.disks.set(&mut host_config);
    security.set(&mut host_config)?;
    let mut body = ContainerCreateBody {
        image,
        cmd: some(command),
        entrypoint: process.entrypoint.map(|command| vec![command]),
        env: some(env::variables(&process.env_file, &process.env)?),
        working_dir: process.workdir,
        user: process.user,
        hostname: network.hostname,
        domainname: network.domainname,
        labels: Some(labels),
        stop_signal: process.stop_signal,
        stop_timeout: process.stop_timeout,
        tty: Some(tty),
        open_stdin: Some(interactive),
        stdin_once: Some(interactive && attached),
        attach_stdin: Some(interactive && attached),
        attach_stdout: Some(attached),
        attach_stderr: Some(attached),
        exposed_ports: some(exposed),
        volumes: some(bare.iter().map(|it| it.as_str().to_owned()).collect()),
        networking_config: Some(NetworkingConfig {
            endpoints_config: Some(endpoints(attachments)),
        }),
        host_config: Some(host_config),
        ..Default::default()
    };
    life.set(&mut body);
    Ok(body)
}

/// Every `--network`, the first of them with the wishes of `--ip` and its like.
fn attachments(options: &NetworkOptions) -> Result<Vec<Attachment>> {
    let mut attachments = options.network.clone();
    if attachments.is_empty() {
        attachments.push(Attachment {
            network: DEFAULT_NETWORK.into(),
            ..Attachment::default()
        });
    }
    if attachments.len() > 1 && attachments.iter().any(is_mode) {
        return Err(Error::Conflict(
            "host, none and container:NAME cannot be combined with another --network",
        ));
    }
    if let Some(Attachment { network, endpoint }) = attachments.first_mut() {
        endpoint
            .aliases
            .extend(options.network_alias.iter().cloned());
        endpoint.link_local_ips.extend(&options.link_local_ip);
        if network != DEFAULT_NETWORK && network != "bridge" {
            endpoint.links.extend(options.link.iter().cloned());
        }
        merge(
            &mut endpoint.ip,
            options.ip,
            "--ip contradicts the ip= of --network",
        )?;
        merge(
            &mut endpoint.ip6,
            options.ip6,
            "--ip6 contradicts the ip6= of --network",
        )?;
        let mac_address = options.mac_address;
        let conflict = "--mac-address contradicts the mac-address= of --network";
        merge(&mut endpoint.mac_address, mac_address, conflict)?;
    }
    Ok(attachments)
}

fn merge<T: PartialEq>(
    wish: &mut Option<T>,
    given: Option<T>,
    conflict: &'static str,
) -> Result<()> {
    match (&wish, given) {
        (Some(old), Some(new)) if *old != new => Err(Error::Conflict(conflict)),
        (_, None) => Ok(()),
        (_, given) => {
            *wish = given;
            Ok(())
        }
    }
}

/// What is asked of each network. A mode has no endpoint, so it is named only if it is asked for
/// something, for the daemon to refuse.
fn endpoints(attachments: Vec<Attachment>) -> HashMap<String, EndpointSettings> {
    attachments
        .into_iter()
        .map(|attachment| {
            (
                is_mode(&attachment),
                attachment.network,
                attachment.endpoint.settings(),
            )
        })
        .filter(|(mode, _, settings)| !mode || *settings != EndpointSettings::default())
        .map(|(_, network, settings)| (network, settings))
        .collect()
}

fn is_mode(attachment: &Attachment) -> bool {
    matches!(attachment.network.as_str(), "host" | "none")
        || attachment.network.starts_with("container:")
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::{Value, json};

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn request(line: &str) -> Result<Value> {
        let words = std::iter::once("create").chain(line.split_whitespace());
        let line = Line::try_parse_from(words).unwrap();
        create(line.options, true).map(|request| serde_json::to_value(request).unwrap())
    }

    #[test]
    fn the_command_keeps_its_own_flags() {
        let request = request("-i --name c1 busybox httpd -f -p 80 --name x").unwrap();
        assert_eq!(request["Image"], "busybox");
        assert_eq!(
            request["Cmd"],
            json!(["httpd", "-f", "-p", "80", "--name", "x"])
        );
        assert_eq!(request["OpenStdin"], true);
        assert_eq!(request["ExposedPorts"], Value::Null);
    }

    #[test]
    fn without_a_network_the_default_one_is_meant() {
        let request = request("busybox").unwrap();
        assert_eq!(request["HostConfig"]["NetworkMode"], "default");
        assert_eq!(
            request["NetworkingConfig"],
            json!({ "EndpointsConfig": { "default": {} } })
        );
    }

    #[test]
    fn wishes_go_to_the_first_of_several_networks() {
        let line =
            "--network n1 --ip 10.0.0.4 --network-alias a --network name=n2,gw-priority=2 busybox";
        let request = request(line).unwrap();
        assert_eq!(request["HostConfig"]["NetworkMode"], "n1");
        let endpoints = json!({
            "n1": { "IPAMConfig": { "IPv4Address": "10.0.0.4" }, "Aliases": ["a"] },
            "n2": { "GwPriority": 2 },
        });
        assert_eq!(request["NetworkingConfig"]["EndpointsConfig"], endpoints);
    }

    #[test]
    fn links_are_the_endpoints_except_on_the_default_network() {
        let named =
            request("--network n1 --link db:database --sysctl net.ipv4.ip_forward=1 busybox");
        let named = named.unwrap();
        let endpoint = &named["NetworkingConfig"]["EndpointsConfig"]["n1"];
        assert_eq!(endpoint["Links"], json!(["db:database"]));
        assert_eq!(named["HostConfig"]["Sysctls"]["net.ipv4.ip_forward"], "1");
        let default = request("--link db --link-local-ip 169.254.7.7 busybox").unwrap();
        let endpoint = &default["NetworkingConfig"]["EndpointsConfig"]["default"];
        let only = json!({ "IPAMConfig": { "LinkLocalIPs": ["169.254.7.7"] } });
        assert_eq!(
            (endpoint, &default["HostConfig"]["Links"]),
            (&only, &json!(["db:db"]))
        );
    }

    #[test]
    fn a_mode_has_no_endpoint() {
        for mode in ["host", "none", "container:c1"] {
            let request = request(&format!("--network {mode} busybox")).unwrap();
            assert_eq!(request["HostConfig"]["NetworkMode"], *mode);
            assert_eq!(request["NetworkingConfig"]["EndpointsConfig"], json!({}));
        }
    }

    #[test]
    fn contradictions_are_refused() {
        for line in [
            "--network host --network n1 busybox",
            "--network name=n1,ip=10.0.0.4 --ip 10.0.0.5 busybox",
        ] {
            assert!(matches!(request(line), Err(Error::Conflict(_))), "{line}");
        }
        assert!(request("--network name=n1,ip=10.0.0.4 --ip 10.0.0.4 busybox").is_ok());
    }

    #[test]
    fn limits_and_ports_are_told_in_the_apis_units() {
        let line = "-m 64m --memory-swap -1 --cpus 1.5 --pids-limit 3 --tmpfs /run:size=1m \
                    -v /srv:/x:ro -p 8080:80 --expose 7/udp -P --read-only --rm -h web busybox";
        let request = request(line).unwrap();
        let host = &request["HostConfig"];
        assert_eq!(host["Memory"], 64 << 20);
        assert_eq!(host["MemorySwap"], -1);
        assert_eq!(host["NanoCpus"], 1_500_000_000_u64);
        assert_eq!(host["PidsLimit"], 3);
        assert_eq!(host["Tmpfs"], json!({ "/run": "size=1m" }));
        assert_eq!(host["Binds"], json!(["/srv:/x:ro"]));
        let bindings = json!({ "80/tcp": [{ "HostIp": "", "HostPort": "8080" }] });
        assert_eq!(host["PortBindings"], bindings);
        assert_eq!(
            request["ExposedPorts"],
            json!({ "80/tcp": {}, "7/udp": {} })
        );
        for flag in ["PublishAllPorts", "ReadonlyRootfs", "AutoRemove"] {
            assert_eq!(host[flag], true, "{flag}");
        }
        assert_eq!(request["Hostname"], "web");
    }
}
