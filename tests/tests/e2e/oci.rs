//! `rnet oci`, the bundled runtime, as the runtime of stock podman and of stock containerd.

use anyhow::Result;
use rnet_tests::{Lab, eventually};

use crate::{containerd, on_lab, podman};

/// podman, with rnet's runtime in the place of runc, and limits that every machine allows.
fn pod(line: &str) -> String {
    format!(
        "{} --runtime $(command -v rnet-oci) {line}",
        podman::command()
    )
}

fn run(lab: &Lab, flags: &str, program: &str) -> String {
    let group = lab.control_group();
    let limits = "--ulimit nofile=512:512 --ulimit nproc=512:512";
    pod(&format!(
        "run {limits} --network none --cgroup-parent /{group} {flags} --rootfs /run/pod/rootfs {program}"
    ))
}

#[test]
fn podman_runs_its_containers_by_rnet() -> Result<()> {
    on_lab(|lab| {
        podman::set_up(lab)?;
        let once = run(
            lab,
            "--rm -e A=b --user 1:2 --memory 64m",
            "sh -c 'id -u; id -g; echo $A; ulimit -n; exit 3'",
        );
        let told = lab.try_host(&once)?;
        assert_eq!(
            (told.code, told.stdout.as_str()),
            (3, "1\n2\nb\n512"),
            "{told:?}"
        );
        for (program, code) in [("nothing", 127), ("/etc", 126)] {
            let told = lab.try_host(&run(lab, "--rm", program))?;
            assert_eq!(told.code, code, "{program}: {told:?}");
        }
        let terminal = lab.host(&run(lab, "--rm -t", "tty"))?;
        assert!(terminal.contains("/dev/pts/0"), "{terminal}");
        let maps = lab.host(&run(
            lab,
            "--rm --uidmap 0:100000:5000 --gidmap 0:100000:5000",
            "cat /proc/self/uid_map",
        ))?;
        assert!(maps.contains("100000"), "{maps}");

        lab.host(&run(
            lab,
            "-d --name box",
            "sh -c 'echo said; exec sleep 1000'",
        ))?;
        eventually(|| lab.host(&format!("{} | grep said", pod("logs box"))))?;
        assert_eq!(
            lab.host(&pod(
                "exec box sh -c 'echo $$ >/dev/null; hostname; exit 0' | wc -l"
            ))?
            .trim(),
            "1"
        );
        assert_eq!(lab.try_host(&pod("exec box sh -c 'exit 9'"))?.code, 9);
        assert!(lab.host(&pod("exec -t box tty"))?.contains("/dev/pts/"));
        lab.host(&pod("pause box"))?;
        assert_eq!(
            lab.host(&pod("inspect -f '{{.State.Status}}' box"))?.trim(),
            "paused"
        );
        lab.host(&pod("unpause box"))?;
        assert!(lab.host(&pod("top box"))?.contains("sleep 1000"));
        lab.host(&pod("restart -t 0 box"))?;
        lab.host(&pod("kill -s KILL box"))?;
        eventually(|| {
            lab.host(&format!(
                "{} | grep 137",
                pod("inspect -f '{{.State.ExitCode}}' box")
            ))
        })?;
        lab.host(&pod("rm -f box"))?;
        assert_eq!(lab.host("ls /run/rnet-oci; rmdir /run/rnet-oci")?, "");
        podman::put_away(lab)
    })
}

#[test]
fn containerd_runs_its_containers_by_rnet() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet network create --subnet 10.94.0.0/24 pods")?;
        containerd::start(lab, "pods")?;
        let image = containerd::ctr(lab, "images ls -q")?;
        let (image, group) = (image.trim(), lab.control_group());
        let run = |flags: &str, name: &str, program: &str| {
            let runtime = "--runc-binary $(command -v rnet-oci) --runc-root /run/contd/oci";
            format!(
                "run {runtime} --snapshotter native --cgroup /{group}/{name} {flags} {image} {name} {program}"
            )
        };
        let once = containerd::ctr(lab, &run("--rm", "once", "echo hello"))?;
        assert_eq!(once, "hello");
        containerd::ctr(lab, &run("-d", "box", "sleep 1000"))?;
        let listed = lab.host("rnet oci --root /run/contd/oci/default list")?;
        assert!(
            listed.contains("box") && listed.contains("running"),
            "{listed}"
        );
        let added = containerd::ctr(lab, "task exec --exec-id one box hostname")?;
        assert_eq!(added.lines().count(), 1, "{added}");
        containerd::ctr(lab, "task pause box")?;
        assert!(containerd::ctr(lab, "task ls")?.contains("PAUSED"));
        containerd::ctr(lab, "task resume box")?;
        let missing = lab.try_host(&format!(
            "ctr --address /run/contd/sock {}",
            run("--rm", "gone", "nothing")
        ))?;
        assert!(
            missing
                .stderr
                .contains("executable file not found in $PATH"),
            "{missing:?}"
        );
        containerd::remove(lab, "box")?;
        assert_eq!(lab.host("ls /run/contd/oci/default")?, "");
        lab.host("rnet network rm pods")?;
        containerd::put_away(lab)
    })
}
