//! rnet as its users meet it: real containers on a private lab host.

mod addresses;
mod adopted;
mod announcements;
mod bandwidth;
mod chain;
mod clients;
mod cni;
mod cni_chains;
mod containerd;
mod default_bridge;
mod detach_keys;
mod dns;
mod docker;
mod donors;
mod endpoints;
mod errors;
mod files;
mod filters;
mod firewall;
mod gateway_modes;
mod gateways;
mod health;
mod image_parity;
mod images;
mod iptables;
mod isolation;
mod kill;
mod limits;
mod links;
mod live;
mod logs;
mod many;
mod mtu;
mod names_kept;
mod namespaces;
mod netavark_plugin;
mod oci;
mod options;
mod plugins;
mod podman;
mod port_ranges;
mod ports;
mod ports_grow;
mod ports_reach;
mod refused_starts;
mod registry;
mod registry_failures;
mod resolv_conf;
mod restarts;
mod runtimes;
mod sandboxes;
mod security;
mod start;
mod subnets;
mod templates;
mod toggles;
mod vanished;
mod volumes;

use anyhow::{Context, Result};
use rnet_tests::{Lab, demo, eventually};

#[test]
fn the_story_that_the_demo_tells_is_true() -> Result<()> {
    demo::tell()
}

/// Runs a story on a lab of its own with `netd` and the image `busybox`; in the end nothing may be left of it.
fn on_lab(story: impl FnOnce(&mut Lab) -> Result<()>) -> Result<()> {
    on_lab_with("", story)
}

/// The same, with more flags of `netd`.
fn on_lab_with(flags: &str, story: impl FnOnce(&mut Lab) -> Result<()>) -> Result<()> {
    let mut lab = Lab::start_with(flags)?;
    lab.serve_whoami()?;
    lab.serve_names()?;
    let idle = lab.contents()?;
    story(&mut lab).with_context(|| format!("netd's log:\n{}", lab.log()))?;
    lab.clear()?;
    lab.assert_nothing_left(&idle)
}

/// Starts a container that serves its name as a web page; waits until it does.
fn serve(lab: &Lab, name: &str, flags: &str) -> Result<()> {
    lab.host(&format!(
        "rnet run -d --name {name} {flags} busybox \
         sh -c 'echo {name} >/www/index.html; exec httpd -f -h /www'"
    ))?;
    eventually(|| lab.host(&format!("rnet exec {name} wget -qO- http://127.0.0.1/"))).map(drop)
}

/// Starts a container that waits to be told what to do.
fn idle(lab: &Lab, name: &str, flags: &str) -> Result<()> {
    lab.host(&format!(
        "rnet run -d --name {name} {flags} busybox sleep 1000"
    ))
    .map(drop)
}

/// That no container is made with these flags, and why.
fn refuses(lab: &Lab, flags: &str, why: &str) -> Result<()> {
    let ran = lab.try_host(&format!("rnet run {flags} busybox true"))?;
    anyhow::ensure!(
        ran.code == 125 && ran.stderr.contains(why),
        "{flags}: {ran:?}"
    );
    Ok(())
}

/// Ends the processes of the lab host that were started by a command line, and waits until they have ended.
fn end(lab: &Lab, line: &str) -> Result<()> {
    // neither the shell that asks nor what it runs is meant
    let (head, last) = line.split_at(line.len() - 1);
    let found = format!("pgrep -f '{head}[{last}]'");
    lab.host(&format!("kill $({found})"))?;
    eventually(|| lab.try_host(&found)?.failure(1)).map(drop)
}

/// A container's address in a network.
fn address(lab: &Lab, container: &str, network: &str) -> Result<String> {
    let format = format!("{{{{(index .NetworkSettings.Networks \"{network}\").IPAddress}}}}");
    lab.host(&format!("rnet inspect -f '{format}' {container}"))
}

/// Lets the lab host be no router for IPv6 again, as it was before its first IPv6 network.
fn end_ipv6_forwarding(lab: &Lab) -> Result<()> {
    lab.host("echo 0 >/proc/sys/net/ipv6/conf/all/forwarding")
        .map(drop)
}

/// Whether a container gets an answer to a ping; the first may be lost, on a bridge that has not noticed its port yet.
fn reaches(lab: &Lab, container: &str, target: &str) -> Result<bool> {
    pings(lab, container, target, 10)
}

/// Whether a container gets no answer to a ping within a second.
fn cut_off(lab: &Lab, container: &str, target: &str) -> Result<bool> {
    pings(lab, container, target, 1).map(|answered| !answered)
}

fn pings(lab: &Lab, container: &str, target: &str, times: u8) -> Result<bool> {
    let ping = format!("for i in $(seq {times}); do ping -c 1 -W 1 {target} && exit; done; exit 1");
    let ran = lab.try_host(&format!("rnet exec {container} sh -c '{ping}'"))?;
    anyhow::ensure!(!ran.stderr.contains("rnet:"), "{}", ran.stderr);
    Ok(ran.code == 0)
}

/// What a web server answers to a machine of the lab: the host, the one outside, or a container.
fn page(lab: &Lab, machine: &str, url: &str) -> Result<String> {
    fetch(lab, machine, url, 20)
}

/// Whether no web server answers there, for as long as it takes to ask again for a lost packet.
fn is_shut(lab: &Lab, machine: &str, url: &str) -> bool {
    fetch(lab, machine, url, 2).is_err()
}

fn fetch(lab: &Lab, machine: &str, url: &str, seconds: u8) -> Result<String> {
    let ask = format!("timeout {seconds} busybox wget -qO- {url}");
    match machine {
        "host" => lab.host(&ask),
        "outside" => lab.outside(&ask),
        container => lab.host(&format!("rnet exec {container} {ask}")),
    }
}
