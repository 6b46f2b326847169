//! One network for every runtime on the machine: containers of dockerd, podman, containerd and rnet call each other by
//! name.

use anyhow::{Context, Result};
use rnet_tests::{Lab, eventually};

use crate::docker::{beside_docker, docker, import_busybox, start_dockerd};
use crate::{containerd, docker as dock, idle, podman};

/// A container, and the command line that runs a program in it.
struct Member {
    name: &'static str,
    inside: String,
}

fn ping(lab: &Lab, from: &Member, to: &str) -> Result<()> {
    let line = format!("{} ping -c 1 -W 2 {to}", from.inside);
    eventually(|| lab.host(&line))
        .map(drop)
        .with_context(|| format!("{} to {to}", from.name))
}

/// What runs a program in a container of each runtime; all of them wait on the network `shared`.
fn members(lab: &Lab) -> Result<Vec<Member>> {
    idle(lab, "own", "--network shared")?;
    podman::run(lab, "pod", "--network shared", "sleep 1000")?;
    containerd::run(lab, "task", "sleep 1000")?;
    docker(
        lab,
        "run -d --name whale --dns 10.95.0.1 --network name=shared,driver-opt=rnet.name=whale busybox sleep 1000",
    )?;
    Ok(vec![
        Member {
            name: "own",
            inside: "rnet exec own".to_owned(),
        },
        Member {
            name: "pod",
            inside: format!("{} exec pod", podman::command()),
        },
        Member {
            // containerd's client puts its namespace before the name
            name: "default-task",
            inside: containerd::inside("task"),
        },
        Member {
            name: "whale",
            inside: dock::inside("whale"),
        },
    ])
}

#[test]
fn containers_of_four_runtimes_call_each_other_by_name_on_one_network() -> Result<()> {
    beside_docker(|lab| {
        podman::set_up(lab)?;
        // it refuses a subnet that is there already, and leases from below
        podman::podman(lab, "network create --subnet 10.95.0.0/24 shared")?;
        lab.host("rnet network create --subnet 10.95.0.0/24 --ip-range 10.95.0.128/25 shared")?;
        containerd::start(lab, "shared")?;
        start_dockerd(lab, "")?;
        import_busybox(lab)?;
        docker(
            lab,
            "network create -d rnet --ipam-driver rnet --subnet 10.95.0.0/24 -o rnet.network=shared shared",
        )?;
        let members = members(lab)?;
        for round in ["with the first netd", "with the next"] {
            for from in &members {
                for to in &members {
                    ping(lab, from, to.name).context(round)?;
                }
            }
            lab.restart_netd()?;
        }
        // names of the world are asked for on the same way
        docker(lab, "exec whale nslookup -type=a any.example 10.95.0.1")?;

        // and a gateway is no resolver for the world
        let asked = lab.try_outside("timeout 3 busybox nslookup -type=a own 10.95.0.1")?;
        assert_ne!(asked.code, 0, "{}", asked.stdout);

        docker(lab, "rm -f whale")?;
        containerd::remove(lab, "task")?;
        podman::podman(lab, "rm -f -t 0 pod")?;
        lab.host("rnet rm -f own")?;
        docker(lab, "network rm shared")?;
        podman::podman(lab, "network rm shared")?;
        lab.restart_netd()?;
        dock::put_away(lab)?;
        containerd::put_away(lab)?;
        podman::put_away(lab)
    })
}
