//! The sandbox routes: namespaces of others on rnet's networks.

use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::Barrier;
use std::time::Duration;

use netd::daemon::GuestRequest;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::host::TestHost;

/// A host with the networks `one` and `two`, and a file that stands for a network namespace.
async fn stage() -> (TestHost, PathBuf) {
    let host = TestHost::new();
    for name in ["one", "two"] {
        let made = host.post("/networks/create", json!({"Name": name})).await;
        assert_eq!(made.status, 201, "{}", made.message());
    }
    let namespace = host.directory.path().join("namespace");
    std::fs::write(&namespace, "").unwrap();
    (host, namespace)
}

fn guest(name: &str, namespace: &std::path::Path, networks: Value) -> Value {
    json!({
        "Name": name, "Hostname": "h", "Runtime": "script", "NetNS": namespace,
        "PortBindings": {"80/tcp": [{"HostPort": "8080"}]},
        "NetworkingConfig": {"EndpointsConfig": networks},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_is_created_shown_connected_and_deleted() {
    let (host, namespace) = stage().await;
    let before = host.machine.resources();
    let body = guest("g", &namespace, json!({"one": {"Aliases": ["web"]}}));
    let made = host.post("/sandboxes/create", body.clone()).await;
    assert_eq!(made.status, 201, "{}", made.message());
    let made = made.json();
    let id = made["Id"].as_str().unwrap();
    let one = &made["NetworkSettings"]["Networks"]["one"];
    assert_eq!(one["InterfaceName"], "eth0");
    assert_eq!(one["DNSNames"], json!(["g", "web", &id[..12], "h"]));
    assert_eq!(
        made["NetworkSettings"]["Ports"]["80/tcp"][0]["HostPort"],
        "8080"
    );
    assert!(
        made["ResolvConf"]
            .as_str()
            .unwrap()
            .contains("nameserver 127.0.0.11")
    );
    let network = host.get("/networks/one").await.json();
    assert_eq!(network["Containers"][id]["Name"], "g");

    host.post("/sandboxes/create", body)
        .await
        .is_refusal(409, "sandbox g exists already");
    host.post("/sandboxes/create", guest("other", &namespace, json!({})))
        .await
        .is_refusal(409, "is that of sandbox g already");

    let connected = host
        .post("/networks/two/connect", json!({"Container": "g"}))
        .await;
    assert_eq!(connected.status, 200, "{}", connected.message());
    let shown = host.get("/sandboxes/g/json").await.json();
    let two = &shown["NetworkSettings"]["Networks"]["two"];
    assert_eq!(two["InterfaceName"], "eth1");
    let list = host.get("/sandboxes/json").await.json();
    assert_eq!(list, json!([shown]));

    assert_eq!(host.delete("/sandboxes/g?interface=eth1").await.status, 204);
    assert_eq!(host.delete("/sandboxes/g?interface=eth1").await.status, 204);
    let shown = host.get("/sandboxes/g/json").await.json();
    assert_eq!(shown, made, "it has its first interface");
    assert_eq!(host.delete("/sandboxes/g?interface=eth0").await.status, 204);
    host.delete("/sandboxes/g")
        .await
        .is_refusal(404, "sandbox g not found");
    assert_eq!(host.machine.resources(), before);
    // its port is free again
    let again = guest("g", &namespace, json!({"two": {}}));
    assert_eq!(host.post("/sandboxes/create", again).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_is_altered_wholly_or_not_at_all() {
    let (host, namespace) = stage().await;
    let body = guest("g", &namespace, json!({"one": {}}));
    let made = host.post("/sandboxes/create", body).await.json();
    let before = host.machine.resources();
    let other = json!({"Name": "eth9", "MacAddress": "02:00:00:00:00:01"});
    for (change, status, words) in [
        (json!({"Interface": other}), 404, "interface eth9 not found"),
        (
            json!({"Interface": {"Name": "eth0", "MacAddress": "02:00:00:00:00:01", "Aliases": ["shop"]},
                   "PortBindings": {"80/tcp": [{"HostIp": "nowhere", "HostPort": "9090"}]}}),
            400,
            "nowhere",
        ),
        (json!({"Interface": {"Name": "eth0", "Mtu": 1}}), 400, "MTU"),
    ] {
        let answer = host.post("/sandboxes/g/update", change).await;
        answer.is_refusal(status, words);
        assert_eq!(host.get("/sandboxes/g/json").await.json(), made);
        assert_eq!(host.machine.resources(), before);
    }
    let change = json!({
        "Interface": {"Name": "eth0", "MacAddress": "02:00:00:00:00:01", "Aliases": ["shop"], "Mtu": 1400},
        "PortBindings": {"81/tcp": [{"HostPort": "8081"}]},
    });
    for _ in 0..2 {
        let answer = host.post("/sandboxes/g/update", change.clone()).await;
        assert_eq!(answer.status, 200, "{}", answer.message());
        let shown = answer.json();
        let one = &shown["NetworkSettings"]["Networks"]["one"];
        assert_eq!(one["MacAddress"], "02:00:00:00:00:01");
        assert_eq!(
            one["DNSNames"].as_array().unwrap().last(),
            Some(&json!("shop"))
        );
        let ports = shown["NetworkSettings"]["Ports"].as_object().unwrap();
        assert_eq!(ports.len(), 2, "{ports:?}");
    }
    let resources = format!("{:?}", host.machine.resources());
    assert!(resources.contains("Mtu(1400)"), "{resources}");
    let none = json!({"PortBindings": {}});
    let shown = host.post("/sandboxes/g/update", none).await.json();
    assert_eq!(shown["NetworkSettings"]["Ports"], json!({}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_whose_namespace_is_gone_is_pruned() {
    let (host, namespace) = stage().await;
    let before = host.machine.resources();
    let body = guest("g", &namespace, json!({"one": {}}));
    host.post("/sandboxes/create", body).await;
    let prune = async || host.post("/sandboxes/prune", json!({})).await.json();
    assert_eq!(prune().await, json!({"SandboxesDeleted": []}));
    std::fs::remove_file(&namespace).unwrap();
    assert_eq!(prune().await, json!({"SandboxesDeleted": ["g"]}));
    assert_eq!(host.machine.resources(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_goes_with_its_own_process_and_not_with_that_of_one_before_it() {
    let (host, _) = stage().await;
    let mut processes = [0, 1].map(|_| Command::new("sleep").arg("1000").spawn().unwrap());
    for process in &processes {
        // the one before is deleted, and its process lives on
        host.delete("/sandboxes/job").await;
        let body = json!({"Name": "job", "Pid": process.id()});
        let made = host.post("/sandboxes/create", body).await;
        assert_eq!(made.status, 201, "{}", made.message());
    }
    let [first, second] = &mut processes;
    let end = |process: &mut Child| {
        process.kill().unwrap();
        process.wait().unwrap();
    };
    end(first);
    // as long as it takes to hear of it
    sleep(Duration::from_millis(200)).await;
    assert_eq!(host.get("/sandboxes/job/json").await.status, 200);
    end(second);
    let gone = async {
        while host.get("/sandboxes/job/json").await.status != 404 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(20), gone).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_sandboxes_that_come_at_once_for_one_namespace_one_is_made() {
    let (host, namespace) = stage().await;
    let daemon = &host.daemon;
    for round in 0..20 {
        let starting = Barrier::new(8);
        let come = |number: usize| {
            let request = GuestRequest {
                reference: format!("g{round}-{number}"),
                runtime: "script".to_owned(),
                namespace: Some(namespace.clone()),
                ..GuestRequest::default()
            };
            starting.wait();
            daemon.create_guest(request)
        };
        let come = &come;
        let made: Vec<_> = std::thread::scope(|scope| {
            let all: Vec<_> = (0..8).map(|it| scope.spawn(move || come(it))).collect();
            all.into_iter()
                .filter_map(|it| it.join().unwrap().ok())
                .collect()
        });
        assert_eq!(made.len(), 1, "in round {round}");
        daemon
            .delete_guest(&made[0].container.to_string(), None)
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_that_cannot_be_is_refused_and_leaves_nothing() {
    let (host, namespace) = stage().await;
    let before = host.machine.resources();
    let with = |key: &str, value: Value| {
        let mut body = guest("g", &namespace, json!({"one": {}}));
        body[key] = value;
        body
    };
    for (body, status, words) in [
        (with("Name", json!("")), 400, "needs a name"),
        (with("NetNS", json!(null)), 400, "NetNS"),
        (with("NetNS", json!("relative")), 400, "absolute"),
        (with("NetNS", json!("/nonexistent")), 400, "/nonexistent"),
        (with("Pid", json!(1)), 400, "either NetNS"),
        (with("Dns", json!(["x"])), 400, "DNS server"),
        (with("DnsSearch", json!(["a b"])), 400, "a b"),
        (with("PortBindings", json!({"x/tcp": []})), 400, "x"),
        (
            guest("g", &namespace, json!({"nowhere": {}})),
            404,
            "network nowhere not found",
        ),
        (guest("g", &namespace, json!({"host": {}})), 400, "host"),
        (
            guest("g", &namespace, json!({"bridge": {"Aliases": ["a"]}})),
            400,
            "aliases",
        ),
    ] {
        let refused = host.post("/sandboxes/create", body).await;
        refused.is_refusal(status, words);
    }
    assert_eq!(host.machine.resources(), before);
    assert_eq!(host.get("/sandboxes/json").await.json(), json!([]));
}
