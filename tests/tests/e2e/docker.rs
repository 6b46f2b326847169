//! Stock dockerd, which finds rnet as a plugin, on one network with rnet's own containers.

use anyhow::{Context, Result, ensure};
use rnet_tests::{Lab, busybox_archive, eventually};
use serde_json::Value;

use crate::{end_ipv6_forwarding, idle, is_shut, on_lab, page, reaches};

/// Where dockerd keeps everything of its own on the lab host.
const HOME: &str = "/run/dock";

/// Its network on rnet's network `shared`.
const CREATE: &str = "network create -d rnet --ipam-driver rnet --subnet 10.91.0.0/24 --ipv6 --subnet fd91::/64 \
                      -o rnet.network=shared";

/// A web server of docker's, with a name for the others.
const WEB: &str = "run -d --name web --network name=shared,driver-opt=rnet.name=web -p 8080:80 busybox \
                   sh -c 'echo docker >/www/index.html; exec httpd -f -p [::]:80 -h /www'";

/// Runs a story where there is a dockerd; installing one changes the machine's own firewall, so nobody is made to.
pub(crate) fn beside_docker(story: impl FnOnce(&mut Lab) -> Result<()>) -> Result<()> {
    let programs = "for it in docker dockerd containerd runc; do command -v $it || exit 1; done";
    let found = std::process::Command::new("sh")
        .args(["-c", programs])
        .output()?;
    if found.status.success() {
        return on_lab(story);
    }
    eprintln!("skipped: docker, dockerd, containerd and runc are needed (Debian: docker.io)");
    Ok(())
}

/// Starts dockerd on paths of its own.
pub(crate) fn start_dockerd(lab: &Lab, flags: &str) -> Result<()> {
    let group = lab.control_group();
    lab.host(&format!(
        "mkdir -p {HOME}
         dockerd --data-root {HOME}/data --exec-root {HOME}/exec -H unix://{HOME}/docker.sock \
         --pidfile {HOME}/dockerd.pid --bridge none --iptables=false --ip6tables=false --ip-forward=false \
         {flags} --storage-driver vfs --cgroup-parent /{group} >>{HOME}/log 2>&1 </dev/null &"
    ))?;
    let log = || lab.host(&format!("tail -n 40 {HOME}/log"));
    eventually(|| docker(lab, "version")).or_else(|error| Err(error.context(log()?)))?;
    Ok(())
}

/// Ends dockerd and waits until it has.
fn stop_dockerd(lab: &Lab) -> Result<()> {
    let process = lab.host(&format!("cat {HOME}/dockerd.pid"))?;
    lab.host(&format!("kill {process}"))?;
    eventually(|| lab.try_host(&format!("kill -0 {process}"))?.failure(1)).map(drop)
}

/// Removes what dockerd and its containerd keep for another time.
pub(crate) fn put_away(lab: &Lab) -> Result<()> {
    stop_dockerd(lab)?;
    // one that was killed left its mounts
    lab.host(&format!(
        "grep -o ' {HOME}/[^ ]*' /proc/mounts | sort -r | xargs -r umount; rm -rf {HOME} /run/containerd"
    ))?;
    let group = lab.control_group();
    eventually(|| {
        lab.host(&format!(
            "find /sys/fs/cgroup -mindepth 2 -depth -type d -path '*/{group}*' -exec rmdir {{}} +"
        ))
    })
    .map(drop)
}

pub(crate) fn import_busybox(lab: &Lab) -> Result<()> {
    let archive = lab.directory().join("docker.tar");
    busybox_archive(&archive)?;
    docker(lab, &format!("import {} busybox", archive.display()))?;
    std::fs::remove_file(&archive).context("cannot remove the image's archive")
}

/// A command line that runs a program in a container.
pub(crate) fn inside(container: &str) -> String {
    format!("docker -H unix://{HOME}/docker.sock exec {container}")
}

pub(crate) fn docker(lab: &Lab, line: &str) -> Result<String> {
    lab.host(&format!("docker -H unix://{HOME}/docker.sock {line}"))
}

fn web(lab: &Lab, machine: &str) -> Result<()> {
    let told = eventually(|| page(lab, machine, "http://192.0.2.1:8080/"))?;
    ensure!(told == "docker", "{told}");
    Ok(())
}

#[test]
fn containers_of_docker_and_of_rnet_are_on_one_network() -> Result<()> {
    beside_docker(|lab| {
        start_dockerd(lab, "")?;
        import_busybox(lab)?;
        let before = lab.host("ip -brief link; ip route; nft list ruleset")?;
        docker(lab, &format!("{CREATE} shared"))?;
        docker(lab, WEB)?;
        idle(lab, "own", "--network shared")?;
        let format = "{{json .NetworkSettings.Networks.shared}}";
        let shown = docker(lab, &format!("inspect -f '{format}' web"))?;
        let shown: Value = serde_json::from_str(&shown).context(shown)?;
        assert_eq!(shown["IPAddress"], "10.91.0.2");
        assert_eq!(shown["GlobalIPv6Address"], "fd91::2");
        assert_eq!(crate::address(lab, "own", "shared")?, "10.91.0.3");
        for target in ["10.91.0.2", "fd91::2", "web"] {
            assert!(reaches(lab, "own", target)?, "{target}");
        }
        for target in ["10.91.0.3", "192.0.2.2", "2001:db8::2"] {
            eventually(|| docker(lab, &format!("exec web ping -c 1 -W 2 {target}")))?;
        }
        for machine in ["host", "outside"] {
            web(lab, machine)?;
        }

        lab.restart_netd()?;
        web(lab, "outside")?;
        assert!(reaches(lab, "own", "web")?);
        docker(lab, "restart -t 0 web")?;
        web(lab, "outside")?;

        docker(lab, "rm -f web")?;
        assert!(is_shut(lab, "outside", "http://192.0.2.1:8080/"));
        lab.host("rnet rm -f own")?;
        docker(lab, "network rm shared")?;
        eventually(|| {
            let after = lab.host("ip -brief link; ip route; nft list ruleset")?;
            ensure!(after == before, "{after}\ninstead of\n{before}");
            Ok(())
        })?;
        end_ipv6_forwarding(lab)?;
        put_away(lab)
    })
}

#[test]
fn a_network_of_rnet_s_is_joined_by_docker_and_outlives_it() -> Result<()> {
    beside_docker(|lab| {
        lab.host("rnet network create --subnet 10.91.0.0/24 --ipv6 --subnet fd91::/64 shared")?;
        idle(lab, "own", "--network shared")?;
        start_dockerd(lab, "")?;
        import_busybox(lab)?;
        docker(lab, &format!("{CREATE} shared"))?;
        docker(lab, WEB)?;
        assert!(reaches(lab, "own", "web")?);

        // a dockerd that comes back removes what the last one left
        lab.host("kill -9 $(pgrep -f [r]un/dock/exec)")?;
        start_dockerd(lab, "")?;
        eventually(|| {
            let guests =
                lab.host("curl -s --unix-socket /run/rnet/rnet.sock http://rnet/sandboxes/json")?;
            ensure!(guests == "[]", "{guests}");
            Ok(())
        })?;
        docker(lab, "start web")?;
        web(lab, "outside")?;
        docker(lab, "rm -f web")?;
        docker(lab, "network rm shared")?;
        lab.host("rnet network inspect shared && rnet rm -f own && rnet network rm shared")?;
        end_ipv6_forwarding(lab)?;
        put_away(lab)
    })
}

#[test]
fn a_dockerd_that_restores_its_containers_finds_them_on_their_networks() -> Result<()> {
    beside_docker(|lab| {
        start_dockerd(lab, "--live-restore")?;
        import_busybox(lab)?;
        docker(lab, &format!("{CREATE} shared"))?;
        docker(
            lab,
            "network create -d rnet --ipam-driver rnet -o rnet.network=second second",
        )?;
        docker(lab, WEB)?;
        docker(lab, "network connect --driver-opt rnet.name=web second web")?;
        idle(lab, "own", "--network second")?;
        assert!(reaches(lab, "own", "web")?);

        stop_dockerd(lab)?;
        web(lab, "outside")?;
        lab.restart_netd()?;
        web(lab, "outside")?;
        start_dockerd(lab, "--live-restore")?;
        assert!(reaches(lab, "own", "web")?);
        docker(lab, "network disconnect second web")?;
        lab.host("rnet rm -f own")?;
        web(lab, "outside")?;

        docker(lab, "rm -f web")?;
        docker(lab, "network rm shared second")?;
        end_ipv6_forwarding(lab)?;
        put_away(lab)
    })
}

#[test]
fn docker_leads_containers_out_and_publishes_their_ports_where_it_is_asked_to() -> Result<()> {
    beside_docker(|lab| {
        start_dockerd(lab, "")?;
        import_busybox(lab)?;
        docker(lab, &format!("{CREATE} -o rnet.gateway=docker shared"))?;
        docker(lab, WEB)?;
        idle(lab, "own", "--network shared")?;
        assert!(reaches(lab, "own", "web")?);
        let published = docker(lab, "port web")?;
        assert!(published.contains("0.0.0.0:8080"), "{published}");
        web(lab, "outside")?;
        let own =
            lab.host("curl -s --unix-socket /run/rnet/rnet.sock http://rnet/sandboxes/json")?;
        assert!(own.contains(r#""Ports":{}"#), "{own}");

        lab.host("rnet rm -f own")?;
        docker(lab, "rm -f web")?;
        docker(lab, "network rm shared docker_gwbridge")?;
        end_ipv6_forwarding(lab)?;
        put_away(lab)
    })
}
