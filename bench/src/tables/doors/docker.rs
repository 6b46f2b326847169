//! dockerd's own bridge beside a network of rnet's: a running container is connected and disconnected by its API.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rnet_tests::{Lab, busybox_archive, eventually};

use crate::cost::{Cost, measure, median};
use crate::peer::{Program, if_there};
use crate::report::{self, progress, time};
use crate::scale::Scale;

/// Where dockerd keeps everything of its own on the lab host.
const HOME: &str = "/run/dock";

/// What a network of docker's is made by.
const NETWORKS: [(&str, &str); 2] = [
    ("docker's bridge", "--subnet 172.26.0.0/16 native"),
    (
        "docker through rnet",
        "-d rnet --ipam-driver rnet --subnet 172.27.0.0/16 through",
    ),
];

pub(in crate::tables) fn run(scale: Scale) -> Result<()> {
    report::title("Docker's containers on its own bridge, and on rnet's");
    println!(
        "A running container is connected to a network by a request to dockerd, and disconnected. dockerd writes iptables\n\
         rules for its own bridge; on a network of rnet's it asks `netd`.\n"
    );
    let dockerd = if_there("dockerd", Program::named("dockerd", "docker.io"));
    let client = if_there("docker", Program::named("docker", "docker.io"));
    let (Some(_), Some(_)) = (dockerd, client) else {
        report::goal("rnet is no slower than docker's bridge", true, "left out");
        return Ok(());
    };
    let lab = Lab::start()?;
    let socket = start(&lab)?;
    let mut costs: [[Vec<Cost>; 2]; 2] = Default::default();
    for round in 0..scale.pick(1, 20, 40) {
        progress(format_args!("docker: round {round}"));
        for ((_, flags), [connect, disconnect]) in NETWORKS.iter().zip(&mut costs) {
            let network = flags.rsplit(' ').next().unwrap_or_default();
            connect.push(measure(|| ask(&socket, network, "connect"))?);
            disconnect.push(measure(|| ask(&socket, network, "disconnect"))?);
        }
    }
    print(&costs.map(|both| both.map(|it| median(&it).wall)));
    Ok(())
}

/// Starts dockerd on paths of its own, with a container on no network; its socket, as this process reaches it.
fn start(lab: &Lab) -> Result<PathBuf> {
    let group = lab.control_group();
    lab.host(&format!(
        "mkdir -p {HOME}
         dockerd --data-root {HOME}/data --exec-root {HOME}/exec -H unix://{HOME}/docker.sock \
         --pidfile {HOME}/dockerd.pid --bridge none --storage-driver vfs --cgroup-parent /{group} \
         >>{HOME}/log 2>&1 </dev/null &"
    ))?;
    let docker = |line: &str| lab.host(&format!("docker -H unix://{HOME}/docker.sock {line}"));
    let log = || lab.host(&format!("tail -n 20 {HOME}/log"));
    eventually(|| docker("version")).or_else(|error| Err(error.context(log()?)))?;
    let archive = lab.directory().join("docker.tar");
    busybox_archive(&archive)?;
    docker(&format!("import {} busybox", archive.display()))?;
    for (_, flags) in NETWORKS {
        docker(&format!("network create {flags}"))?;
    }
    docker("network create --internal waiting")?;
    docker("run -d --name member --network waiting busybox sleep 100000")?;
    Ok(lab
        .root()
        .join(HOME.trim_start_matches('/'))
        .join("docker.sock"))
}

fn ask(socket: &Path, network: &str, action: &str) -> Result<()> {
    let told = || format!("cannot ask dockerd to {action}");
    let mut stream = UnixStream::connect(socket).with_context(told)?;
    let body = r#"{"Container":"member"}"#;
    let request = format!(
        "POST /networks/{network}/{action} HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).with_context(told)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).with_context(told)?;
    ensure!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    Ok(())
}

fn print(medians: &[[Duration; 2]; 2]) {
    let mut table = report::table(&["who", "connect", "disconnect"]);
    for ((who, _), [connect, disconnect]) in NETWORKS.iter().zip(medians) {
        table.add_row([(*who).to_owned(), time(*connect), time(*disconnect)]);
    }
    println!("{table}\n");
    let [[native, _], [through, _]] = medians;
    let by = format!("{} and {}", time(*through), time(*native));
    report::goal(
        "rnet is no slower than docker's bridge",
        through <= native,
        by,
    );
}
