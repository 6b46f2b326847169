//! Every table is measured with tiny counts, so that none can rot; what is left out is told, and rnet never is.

use std::process::Command;

fn is_complete(table: &str) {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIPPED: the benchmark needs root, for namespaces of its own");
        return;
    }
    let mut bench = Command::new(env!("CARGO_BIN_EXE_rnet-bench"));
    let output = bench.args(["--scale", "tiny", table]).output();
    let output = output.expect("the benchmark was built");
    let told = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}\n{complaint}");
    // what there is of peers depends on the machine
    eprintln!("{told}");
    assert!(told.contains("\n- "), "no goal is judged:\n{told}");
    assert!(!told.contains("NaN") && !told.contains("inf"), "{told}");
}

#[test]
fn the_table_of_attaching_is_complete() {
    is_complete("attach");
}

#[test]
fn the_table_of_attaching_in_parallel_is_complete() {
    is_complete("parallel");
}

#[test]
fn the_table_of_creating_networks_is_complete() {
    is_complete("networks");
}

#[test]
fn the_table_of_publishing_is_complete() {
    is_complete("publish");
}

#[test]
fn the_table_of_new_connections_is_complete() {
    is_complete("connections");
}

#[test]
fn the_table_of_names_is_complete() {
    // it is dnsperf that asks
    if Command::new("dnsperf").arg("-h").output().is_err() {
        eprintln!("SKIPPED: dnsperf is not installed");
        return;
    }
    is_complete("dns");
}

#[test]
fn the_table_of_doors_is_complete() {
    is_complete("doors");
}

#[test]
fn the_table_of_docker_s_containers_is_complete() {
    is_complete("docker");
}

#[test]
fn the_table_of_the_daemon_is_complete() {
    is_complete("netd");
}
