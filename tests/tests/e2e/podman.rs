//! Stock podman, which finds rnet where it looks for netavark, on one network with rnet's own containers.

use anyhow::{Context, Result, ensure};
use rnet_tests::{Lab, eventually};
use serde_json::Value;

use crate::chain::{OURS, install};
use crate::{idle, on_lab, page, reaches};

/// Where podman keeps everything of its own on the lab host.
const HOME: &str = "/run/pod";

/// podman with `rnet-netavark` in the place of netavark and aardvark-dns, and a root file system of busybox's.
pub(crate) fn set_up(lab: &Lab) -> Result<()> {
    ensure!(
        lab.try_host("command -v podman runc conmon")?.code == 0,
        "podman, runc and conmon are needed: run `make setup`"
    );
    lab.host(&format!(
        "mkdir -p {HOME}/helpers {HOME}/networks; cd {HOME}
         ln -s $(command -v rnet-netavark) helpers/netavark
         ln -s netavark helpers/aardvark-dns
         mkdir -p rootfs/bin rootfs/proc rootfs/sys rootfs/dev rootfs/etc rootfs/run rootfs/tmp rootfs/www
         cp $(command -v busybox) rootfs/bin; chroot rootfs /bin/busybox --install -s /bin
         echo podman >rootfs/www/index.html
         cat >containers.conf <<END
[engine]
helper_binaries_dir = [\"{HOME}/helpers\"]
cgroup_manager = \"cgroupfs\"
events_logger = \"none\"
runtime = \"runc\"
[network]
network_backend = \"netavark\"
network_config_dir = \"{HOME}/networks\"
END"
    ))
    .map(drop)
}

/// The same, in the mode where podman attaches by CNI: rnet is there under the names of the plugins it writes.
fn set_up_cni(lab: &Lab) -> Result<()> {
    set_up(lab)?;
    install(lab)?;
    lab.host(&format!(
        "cd {HOME}; sed -i -e 's/\"netavark\"/\"cni\"/' -e '$a cni_plugin_dirs = [\"{OURS}\"]' containers.conf"
    ))
    .map(drop)
}

/// Removes what podman and runc keep for another time.
pub(crate) fn put_away(lab: &Lab) -> Result<()> {
    // it is a mount once a namespace was made
    lab.host(&format!(
        "umount /run/netns 2>/dev/null; rm -rf {HOME} /run/containers /run/runc"
    ))?;
    // conmon ends when it likes
    let group = lab.control_group();
    eventually(|| {
        lab.host(&format!(
            "find /sys/fs/cgroup -depth -type d -path '*/{group}*' -exec rmdir {{}} +"
        ))
    })
    .map(drop)
}

pub(crate) fn podman(lab: &Lab, line: &str) -> Result<String> {
    lab.host(&format!("{} {line}", command()))
}

pub(crate) fn command() -> String {
    // the directory is the docker client's; podman insists on a file there
    format!(
        "DOCKER_CONFIG= TMPDIR={HOME} CONTAINERS_CONF={HOME}/containers.conf podman --root {HOME}/root --runroot {HOME}/runroot \
         --tmpdir {HOME}/tmp --storage-driver vfs"
    )
}

/// Runs a container of podman's in the background.
pub(crate) fn run(lab: &Lab, name: &str, flags: &str, program: &str) -> Result<()> {
    let group = lab.control_group();
    podman(
        lab,
        &format!(
            "run -d --name {name} --cgroup-parent /{group} {flags} --rootfs {HOME}/rootfs {program}"
        ),
    )
    .map(drop)
}

#[test]
fn containers_of_podman_and_of_rnet_reach_and_resolve_each_other() -> Result<()> {
    on_lab(|lab| {
        set_up(lab)?;
        podman(
            lab,
            "network create --subnet 10.90.0.0/24 --ipv6 --subnet fd90::/64 pods",
        )?;
        let flags = "--network pods --network-alias shop -p 8080:80";
        run(lab, "web", flags, "httpd -f -p '[::]:80' -h /www")?;
        idle(lab, "own", "--network pods")?;
        for name in ["web", "shop"] {
            assert!(reaches(lab, "own", name)?, "{name}");
        }
        podman(lab, "exec web ping -c 1 -W 2 own")?;
        for machine in ["host", "outside"] {
            assert_eq!(page(lab, machine, "http://192.0.2.1:8080/")?, "podman");
        }

        // podman leases from below, and rnet from the middle on
        let shown = podman(lab, "inspect -f '{{json .NetworkSettings.Networks}}' web")?;
        let shown: Value = serde_json::from_str(&shown).context(shown)?;
        assert_eq!(shown["pods"]["IPAddress"], "10.90.0.2");
        assert_eq!(shown["pods"]["GlobalIPv6Address"], "fd90::2");
        assert_eq!(shown["pods"]["Gateway"], "10.90.0.1");
        let own = crate::address(lab, "own", "pods")?;
        assert_eq!(own, "10.90.0.128");

        lab.restart_netd()?;
        assert_eq!(page(lab, "outside", "http://192.0.2.1:8080/")?, "podman");
        assert!(reaches(lab, "own", "shop")?);

        // another network, live
        podman(lab, "network create --subnet 10.91.0.0/24 second")?;
        podman(lab, "network connect second web")?;
        lab.host("rnet network connect second own")?;
        podman(lab, "exec web ping -c 1 -W 2 own.second")?;
        podman(lab, "network disconnect second web")?;

        podman(lab, "rm -f -t 0 web")?;
        lab.host("rnet rm -f own; rnet network rm pods second")?;
        podman(lab, "network rm pods second")?;
        put_away(lab)
    })
}

#[test]
fn what_podman_asks_and_rnet_does_not_do_is_refused() -> Result<()> {
    on_lab(|lab| {
        set_up(lab)?;
        podman(
            lab,
            "network create --subnet 10.90.0.0/24 --opt isolate=false odd",
        )?;
        let group = lab.control_group();
        let line = format!(
            "{} run --rm --cgroup-parent /{group} --network odd --rootfs {HOME}/rootfs true",
            command()
        );
        let refused = lab.try_host(&line)?;
        assert_ne!(refused.code, 0);
        assert!(
            refused.stderr.contains("option isolate=false"),
            "{}",
            refused.stderr
        );
        assert_eq!(lab.host("rnet network ls -q --filter type=custom")?, "");
        podman(lab, "network rm odd")?;
        put_away(lab)
    })
}

#[test]
fn podman_in_its_cni_mode_is_on_rnet_s_networks_by_what_it_writes_for_the_reference_plugins()
-> Result<()> {
    on_lab(|lab| {
        set_up_cni(lab)?;
        podman(lab, "network create --subnet 10.90.0.0/24 pods")?;
        let written = lab.host(&format!("cat {HOME}/networks/*.conflist"))?;
        for plugin in ["bridge", "portmap", "firewall", "tuning", "dnsname"] {
            assert!(
                written.contains(&format!("\"{plugin}\"")),
                "{plugin}: {written}"
            );
        }
        let serve = "sh -c 'httpd -f -p 80 -h /www'";
        let flags =
            "--network pods --network-alias shop -p 8080:80 --mac-address 02:00:00:00:00:99";
        run(lab, "web", flags, serve)?;
        idle(lab, "own", "--network pods")?;
        for name in ["web", "shop"] {
            assert!(reaches(lab, "own", name)?, "{name}");
        }
        eventually(|| podman(lab, "exec web ping -c 1 -W 2 own"))?;
        for machine in ["host", "outside"] {
            assert_eq!(page(lab, machine, "http://192.0.2.1:8080/")?, "podman");
        }
        let link = podman(lab, "exec web ip link show eth0")?;
        assert!(link.contains("02:00:00:00:00:99"), "{link}");
        let shown = podman(lab, "inspect -f '{{json .NetworkSettings.Networks}}' web")?;
        assert!(shown.contains("10.90.0.2"), "{shown}");
        lab.restart_netd()?;
        assert_eq!(page(lab, "outside", "http://192.0.2.1:8080/")?, "podman");

        podman(lab, "rm -f -t 0 web")?;
        lab.host("rnet rm -f own; rnet network rm pods")?;
        podman(lab, "network rm pods")?;
        lab.host(&format!("rm -rf {OURS} /var/lib/cni"))?;
        put_away(lab)
    })
}
