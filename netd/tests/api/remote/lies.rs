//! What a plugin may not do, and does.

use serde_json::json;

use super::{Stage, eventually};
use crate::liar::Say;

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_lies_is_found_out_and_the_attach_undone() {
    let stage = Stage::new().await;
    let before = stage.seen();
    let named = |name: &str| Say::Json(json!({"InterfaceName": {"SrcName": name}}));
    let interface = |key: &str, value: &str| Say::Json(json!({"Interface": {key: value}}));
    let (join, create) = ("NetworkDriver.Join", "NetworkDriver.CreateEndpoint");
    for (call, lie, words) in [
        (join, Say::Text(200, "{\"InterfaceName\": "), "cannot be"),
        (join, Say::Text(200, "[]"), "cannot be"),
        (join, Say::Json(json!({"InterfaceName": 7})), "cannot be"),
        (join, Say::Json(json!({"Gateway": "nowhere"})), "nowhere"),
        (
            join,
            Say::Json(json!({"Gateway": ["10.5.0.1"]})),
            "cannot be",
        ),
        (
            join,
            Say::Json(json!({"Err": "no room"})),
            "refuses NetworkDriver.Join: no room",
        ),
        (
            join,
            Say::Text(500, "{\"Err\": \"broken\"}"),
            "NetworkDriver.Join: broken",
        ),
        (join, Say::Text(500, "oh"), "NetworkDriver.Join: oh"),
        (join, Say::Bytes(3 << 20), "length limit exceeded"),
        (join, Say::Bye, "does not answer"),
        (join, named("veth99"), "there is no interface veth99"),
        (join, named("much-too-long-a-name"), "much-too-long-a-name"),
        (join, named("../eth0"), "../eth0"),
        (join, named("lo"), "that the host needs"),
        (
            create,
            interface("Address", "10.9.9.9/24"),
            "modified interface address",
        ),
        (create, interface("AddressIPv6", "nonsense"), "nonsense"),
        (
            create,
            interface("MacAddress", "01:00:5e:00:00:01"),
            "01:00:5e:00:00:01",
        ),
    ] {
        stage.liar.does(call, lie);
        let (status, refusal) = stage.attach(json!({})).await;
        let message = refusal["message"].as_str().unwrap_or("no refusal");
        assert!(
            status == 500 && message.contains(words),
            "{status} {message}"
        );
        eventually(|| stage.seen() == before).await;
        stage.liar.say(create, json!({"Interface": {}}));
        stage.joins("veth7");
    }
    let (status, made) = stage.attach(json!({})).await;
    assert_eq!(status, 201, "the truth is believed again: {made}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_hangs_at_any_call_is_waited_for_no_longer_than_its_deadline() {
    let stage = Stage::new().await;
    let before = stage.seen();
    for call in ["CreateEndpoint", "Join", "ProgramExternalConnectivity"] {
        let call = format!("NetworkDriver.{call}");
        stage.liar.does(&call, Say::Nothing);
        let hanging = stage.attach(json!({}));
        let others = async {
            // nobody waits with it
            let body = json!({"Name": "own"});
            let made = stage.host.post("/networks/create", body).await;
            assert_eq!(made.status, 201, "{}", made.message());
            assert_eq!(stage.host.delete("/networks/own").await.status, 204);
        };
        let ((status, refusal), ()) = tokio::join!(hanging, others);
        assert_eq!(status, 500);
        let message = refusal["message"].as_str().unwrap();
        assert!(
            message.contains(&format!("did not answer {call} within 0.4 s")),
            "{message}"
        );
        stage.liar.say(&call, json!({}));
        stage.joins("veth7");
        eventually(|| stage.seen() == before).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_that_a_plugin_gives_are_looked_at_and_all_are_given_back() {
    let stage = Stage::new().await;
    let before = stage.seen();
    let body = json!({"Name": "given", "IPAM": {"Driver": "liar", "Options": {"o": "p"}}});
    let made = stage.host.post("/networks/create", body.clone()).await;
    assert_eq!(made.status, 201, "{}", made.message());
    let [asked] = &stage.liar.heard("IpamDriver.RequestPool")[..] else {
        panic!("one pool");
    };
    let expected =
        json!({"AddressSpace": "l", "Pool": "", "SubPool": "", "Options": {"o": "p"}, "V6": false});
    assert_eq!(asked, &expected);
    let [gateway] = &stage.liar.heard("IpamDriver.RequestAddress")[..] else {
        panic!("one gateway");
    };
    let purpose = json!({"RequestAddressType": "com.docker.network.gateway"});
    assert_eq!(
        gateway,
        &json!({"PoolID": "p", "Address": "", "Options": purpose})
    );
    let refused = stage
        .host
        .post(
            "/networks/create",
            json!({"Name": "again", "IPAM": {"Driver": "liar"}}),
        )
        .await;
    refused.is_refusal(403, "Pool overlaps with other one on this address space");
    assert_eq!(stage.liar.heard("IpamDriver.ReleasePool").len(), 1);

    let attached = stage.seen();
    let attach = async || {
        let networks = json!({"EndpointsConfig": {"given": {}}});
        let body = json!({"Name": "g", "NetNS": stage.namespace(), "NetworkingConfig": networks});
        stage.host.post("/sandboxes/create", body).await
    };
    for (lie, words) in [
        (
            json!({"Address": "10.7.0.2/24"}),
            "not of its pool 10.6.0.0/24",
        ),
        (json!({"Address": "what"}), "what"),
        (json!({"Address": 5}), "cannot be"),
        (json!({"Error": "none left"}), "none left"),
    ] {
        stage.liar.say("IpamDriver.RequestAddress", lie);
        attach().await.is_refusal(500, words);
        assert_eq!(stage.seen(), attached);
    }
    stage.liar.say(
        "IpamDriver.RequestAddress",
        json!({"Address": "10.6.0.9/24"}),
    );
    let made = attach().await;
    assert_eq!(made.status, 201, "{}", made.message());
    stage.host.delete("/sandboxes/g").await;
    assert_eq!(stage.host.delete("/networks/given").await.status, 204);
    let released = stage.liar.heard("IpamDriver.ReleaseAddress");
    let released: Vec<_> = released.iter().map(|it| it["Address"].clone()).collect();
    assert_eq!(released, ["10.6.0.9", "10.6.0.1"]);
    assert_eq!(
        stage.liar.heard("IpamDriver.ReleasePool"),
        [json!({"PoolID": "p"})]
    );
    assert_eq!(stage.seen(), before);
}
