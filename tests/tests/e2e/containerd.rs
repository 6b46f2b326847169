//! Stock containerd, whose containers are on rnet's networks by CNI.

use anyhow::{Result, ensure};
use rnet_tests::{Lab, eventually};

use crate::chain::{OURS, install};
use crate::{address, idle, on_lab, reaches};

/// Where containerd keeps everything of its own on the lab host.
const HOME: &str = "/run/contd";

/// Starts containerd on paths of its own; its client finds rnet where it looks for plugins, and this network.
///
/// The client has its paths built in: the lab's own /etc, and mounts of the lab over the others.
pub(crate) fn start(lab: &Lab, network: &str) -> Result<()> {
    ensure!(
        lab.try_host("command -v containerd ctr containerd-shim-runc-v2 runc")?
            .code
            == 0,
        "containerd and runc are needed: run `make setup`"
    );
    install(lab)?;
    lab.host(&format!(
        "mkdir -p {HOME}; [ -d /etc/cni ] || {{ mkdir /etc/cni; touch {HOME}/made; }}
         mount -t tmpfs networks /etc/cni; mkdir /etc/cni/net.d
         mount -t tmpfs plugins /opt; mkdir -p /opt/cni
         ln -s {OURS} /opt/cni/bin; mount --bind {OURS} /usr/lib/cni
         cat >/etc/cni/net.d/10-{network}.conflist <<END
{{\"cniVersion\": \"1.0.0\", \"name\": \"{network}\", \"plugins\": [{{\"type\": \"rnet\", \"network\": \"{network}\"}}]}}
END
         cat >{HOME}/config.toml <<END
version = 2
root = \"{HOME}/root\"
state = \"{HOME}/state\"
disabled_plugins = [\"io.containerd.grpc.v1.cri\", \"io.containerd.internal.v1.opt\"]
[grpc]
address = \"{HOME}/sock\"
END
         containerd --config {HOME}/config.toml >{HOME}/log 2>&1 </dev/null & echo $! >{HOME}/pid"
    ))?;
    let log = || lab.host(&format!("tail -n 20 {HOME}/log"));
    eventually(|| ctr(lab, "version")).or_else(|error| Err(error.context(log()?)))?;
    // what rnet saves, containerd loads
    lab.host(&format!("rnet save -o {HOME}/image.tar busybox"))?;
    ctr(
        lab,
        &format!("images import --snapshotter native {HOME}/image.tar"),
    )
    .map(drop)
}

/// Ends containerd, and removes what it keeps for another time.
pub(crate) fn put_away(lab: &Lab) -> Result<()> {
    let ended = format!("! kill -0 $(cat {HOME}/pid)");
    lab.host(&format!("kill $(cat {HOME}/pid)"))?;
    eventually(|| lab.host(&ended))?;
    lab.host(&format!(
        "umount /opt /usr/lib/cni /etc/cni; umount /run/netns 2>/dev/null; \
         [ ! -e {HOME}/made ] || rmdir /etc/cni; rm -rf {HOME} {OURS} /var/lib/cni /run/containerd /run/runc"
    ))?;
    let group = lab.control_group();
    eventually(|| {
        lab.host(&format!(
            "find /sys/fs/cgroup -mindepth 2 -depth -type d -path '*/{group}*' -exec rmdir {{}} +"
        ))
    })
    .map(drop)
}

pub(crate) fn ctr(lab: &Lab, line: &str) -> Result<String> {
    lab.host(&format!("ctr --address {HOME}/sock {line}"))
}

/// A command line that runs a program in a container.
pub(crate) fn inside(container: &str) -> String {
    format!("ctr --address {HOME}/sock task exec --exec-id $$ {container}")
}

/// Runs a container in the background, on the network. Its client leaves /etc/resolv.conf to whoever runs it.
pub(crate) fn run(lab: &Lab, name: &str, program: &str) -> Result<()> {
    let group = lab.control_group();
    let image = ctr(lab, "images ls -q")?;
    lab.host(&format!("echo nameserver 127.0.0.11 >{HOME}/resolv.conf"))?;
    let mount = format!("type=bind,src={HOME}/resolv.conf,dst=/etc/resolv.conf,options=rbind:ro");
    ctr(
        lab,
        &format!(
            "run -d --cni --mount {mount} --snapshotter native --cgroup /{group}/{name} {image} {name} {program}"
        ),
    )
    .map(drop)
}

pub(crate) fn remove(lab: &Lab, name: &str) -> Result<()> {
    ctr(lab, &format!("task kill -s SIGKILL {name}"))?;
    eventually(|| ctr(lab, &format!("task rm {name}")))?;
    ctr(lab, &format!("container rm {name}")).map(drop)
}

#[test]
fn a_container_of_containerd_s_and_one_of_rnet_s_are_on_one_network() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet network create --subnet 10.94.0.0/24 --ipv6 --subnet fd94::/64 pods")?;
        start(lab, "pods")?;
        run(lab, "pod", "sleep 1000")?;
        idle(lab, "own", "--network pods")?;
        let shown = lab.host("rnet network inspect pods")?;
        ensure!(
            shown.contains("10.94.0.2") && shown.contains("fd94::2"),
            "{shown}"
        );
        assert!(reaches(lab, "own", "10.94.0.2")?);
        assert!(reaches(lab, "own", "fd94::2")?);
        let own = address(lab, "own", "pods")?;
        for target in [own.as_str(), "own"] {
            lab.host(&format!("{} ping -c 1 -W 5 {target}", inside("pod")))?;
        }
        lab.restart_netd()?;
        assert!(reaches(lab, "own", "10.94.0.2")?);
        remove(lab, "pod")?;
        // its client undoes an attachment only where it ran the container to its end; netd sees that its namespace went
        lab.restart_netd()?;
        eventually(|| {
            let shown = lab.host("rnet sandbox ls -q")?;
            ensure!(shown.is_empty(), "{shown}");
            Ok(())
        })?;
        lab.host("rnet rm -f own; rnet network rm pods")?;
        crate::end_ipv6_forwarding(lab)?;
        put_away(lab)
    })
}
