//! Templates of networks, options the daemon gives, bridges of others.

use rnet_model::ForeignBridge;
use serde_json::{Value, json};

use crate::host::TestHost;

fn template() -> Value {
    json!({
        "Name": "conf", "ConfigOnly": true, "EnableIPv6": true, "Labels": {"tier": "front"},
        "Options": {"com.docker.network.driver.mtu": "1400"},
        "IPAM": {"Config": [{"Subnet": "172.25.0.0/16", "IPRange": "172.25.1.0/24"}]},
    })
}

fn made_from(name: &str) -> Value {
    json!({"Name": name, "ConfigFrom": {"Network": "conf"}})
}

#[tokio::test]
async fn a_network_has_what_its_template_says() {
    let host = TestHost::new();
    assert_eq!(host.post("/networks/create", template()).await.status, 201);
    let shown = host.get("/networks/conf").await.json();
    assert_eq!(
        (&shown["ConfigOnly"], &shown["Driver"], &shown["Scope"]),
        (&json!(true), &json!("null"), &json!("local"))
    );
    assert_eq!(
        host.post("/networks/create", made_from("n")).await.status,
        201
    );
    let shown = host.get("/networks/n").await.json();
    assert_eq!(shown["ConfigFrom"], json!({"Network": "conf"}));
    assert_eq!(
        (&shown["ConfigOnly"], &shown["Driver"], &shown["EnableIPv6"]),
        (&json!(false), &json!("bridge"), &json!(true))
    );
    assert_eq!(shown["Labels"], json!({"tier": "front"}));
    assert_eq!(shown["Options"]["com.docker.network.driver.mtu"], "1400");
    let subnets = shown["IPAM"]["Config"].as_array().unwrap();
    assert_eq!(subnets[0]["IPRange"], "172.25.1.0/24");
    assert_eq!(subnets[0]["Gateway"], "172.25.0.1");
    assert!(subnets[1]["Subnet"].as_str().unwrap().starts_with("fd"));
    host.post("/networks/create", made_from("m"))
        .await
        .is_refusal(403, "Pool overlaps");
}

#[tokio::test]
async fn a_template_in_use_is_neither_removed_nor_pruned() {
    let host = TestHost::new();
    host.post("/networks/create", template()).await;
    host.post("/networks/create", made_from("n")).await;
    host.delete("/networks/conf")
        .await
        .is_refusal(403, "configuration network \"conf\" is in use");
    let pruned = host.post("/networks/prune", json!({})).await.json();
    assert_eq!(pruned, json!({"NetworksDeleted": ["n"]}));
    assert_eq!(host.delete("/networks/conf").await.status, 204);
}

#[tokio::test]
async fn a_template_and_what_is_made_from_it_say_nothing_twice() {
    let host = TestHost::new();
    host.post("/networks/create", template()).await;
    host.post("/networks/create", json!({"Name": "plain"}))
        .await;
    let with = |mut body: Value, key: &str, value: Value| {
        body[key] = value;
        body
    };
    let options = json!({"a": "b"});
    for (body, status, words) in [
        (
            with(template(), "Name", json!("conf")),
            409,
            "already exists",
        ),
        (
            with(
                with(template(), "Name", json!("c")),
                "Internal",
                json!(true),
            ),
            403,
            "network specific fields",
        ),
        (
            with(
                with(template(), "Name", json!("c")),
                "Scope",
                json!("local"),
            ),
            403,
            "network specific fields",
        ),
        (
            with(
                with(template(), "Name", json!("c")),
                "ConfigFrom",
                json!({"Network": "conf"}),
            ),
            403,
            "cannot depend on",
        ),
        (
            with(made_from("n"), "ConfigFrom", json!({"Network": "x"})),
            404,
            "configuration network x not found",
        ),
        (
            with(made_from("n"), "ConfigFrom", json!({"Network": "plain"})),
            403,
            "is not a configuration network",
        ),
        (
            with(made_from("n"), "Labels", options.clone()),
            403,
            "user specified configurations",
        ),
        (
            with(made_from("n"), "EnableIPv6", json!(true)),
            403,
            "user specified configurations",
        ),
        (
            with(
                made_from("n"),
                "IPAM",
                json!({"Config": [{"Subnet": "10.0.0.0/8"}]}),
            ),
            403,
            "user specified",
        ),
        (
            with(made_from("n"), "Options", options),
            403,
            "network driver options are not supported",
        ),
    ] {
        host.post("/networks/create", body)
            .await
            .is_refusal(status, words);
    }
}

#[tokio::test]
async fn nobody_joins_a_template() {
    let host = TestHost::with_image().await;
    host.post("/networks/create", template()).await;
    let body = json!({"Image": "tiny", "Cmd": ["/init"], "HostConfig": {"NetworkMode": "conf"}});
    let refused = host.post("/containers/create", body).await;
    refused.is_refusal(
        403,
        "cannot create endpoint on configuration-only network conf",
    );
    let body = json!({"Image": "tiny", "Cmd": ["/init"]});
    let id = host.post("/containers/create", body).await.json()["Id"].clone();
    let refused = host
        .post("/networks/conf/connect", json!({"Container": id}))
        .await;
    refused.is_refusal(
        403,
        "cannot create endpoint on configuration-only network conf",
    );
}

#[tokio::test]
async fn families_are_options_too() {
    let host = TestHost::new();
    let create = |name: &str, v4: &str, v6: &str| {
        json!({"Name": name, "Options": {
            "com.docker.network.enable_ipv4": v4, "com.docker.network.enable_ipv6": v6,
        }})
    };
    host.post("/networks/create", create("n", "false", "1"))
        .await;
    let shown = host.get("/networks/n").await.json();
    assert_eq!(
        (&shown["EnableIPv4"], &shown["EnableIPv6"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(shown["IPAM"]["Config"].as_array().unwrap().len(), 1);
    host.post("/networks/create", create("m", "maybe", "1"))
        .await
        .is_refusal(
            400,
            "\"com.docker.network.enable_ipv4\" is not a valid bool",
        );
}

#[tokio::test]
async fn a_bridge_of_others_lends_its_subnet_and_outlives_the_network() {
    let host = TestHost::new();
    let foreign = ForeignBridge {
        addresses: vec!["10.7.0.9/24".parse().unwrap()],
        mtu: 1500.try_into().unwrap(),
    };
    host.machine
        .add_foreign_bridge("lan0".parse().unwrap(), foreign);
    host.machine.add_foreign_link("eth7".parse().unwrap());
    let named = |name: &str, bridge: &str| json!({"Name": name, "Options": {"com.docker.network.bridge.name": bridge}});
    let before = host.machine.resources();
    assert_eq!(
        host.post("/networks/create", named("n", "lan0"))
            .await
            .status,
        201
    );
    let shown = host.get("/networks/n").await.json();
    assert_eq!(
        shown["IPAM"]["Config"],
        json!([{"Subnet": "10.7.0.0/24", "Gateway": "10.7.0.9"}])
    );
    host.post("/networks/create", named("m", "lan0"))
        .await
        .is_refusal(403, "have same bridge name lan0");
    host.post("/networks/create", named("m", "eth7"))
        .await
        .is_refusal(400, "interface eth7 is no bridge");
    assert_eq!(host.delete("/networks/n").await.status, 204);
    assert_eq!(host.machine.resources(), before);
}
