//! dockerd's protocol over a fake machine: what each call answers, that it can be repeated, and that nothing is left.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::host::TestHost;

const NETWORK: &str = "aaaaaaaaaaaabbbbbbbbbbbbccccccccccccddddddddddddeeeeeeeeeeeeffff";
const ENDPOINT: &str = "1111111111112222222222223333333333334444444444445555555555556666";

/// A host whose door for dockerd is called.
struct Door(Router);

impl Door {
    fn of(host: &TestHost) -> Self {
        Self(netd::plugin::router(host.daemon.clone()))
    }

    async fn call(&self, method: &str, body: Value) -> Value {
        let request = Request::post(format!("/{method}"));
        let request = request.body(Body::from(body.to_string())).unwrap();
        let response = self.0.clone().oneshot(request).await.unwrap();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    /// The same twice, with the same answer.
    async fn twice(&self, method: &str, body: Value) -> Value {
        let first = self.call(method, body.clone()).await;
        assert_eq!(self.call(method, body).await, first, "{method}");
        first
    }

    async fn pool(&self, pool: &str) -> Value {
        let asked = json!({"AddressSpace": "rnet", "Pool": pool, "SubPool": "", "Options": {}, "V6": false});
        self.call("IpamDriver.RequestPool", asked).await
    }
}

fn create(pool: &str, gateway: &str, options: Value) -> Value {
    json!({
        "NetworkID": NETWORK,
        "Options": {"com.docker.network.generic": options, "com.docker.network.enable_ipv6": false},
        "IPv4Data": [{"AddressSpace": "rnet", "Pool": pool, "Gateway": gateway}],
        "IPv6Data": [],
    })
}

fn endpoint(more: Value) -> Value {
    let mut body = json!({"NetworkID": NETWORK, "EndpointID": ENDPOINT});
    let members = more.as_object().unwrap().clone();
    body.as_object_mut().unwrap().extend(members);
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_can_be_repeated_and_in_the_end_nothing_is_left() {
    let host = TestHost::new();
    let before = host.machine.resources();
    let door = Door::of(&host);
    let told = door.call("Plugin.Activate", json!({})).await;
    assert_eq!(told["Implements"], json!(["NetworkDriver", "IpamDriver"]));
    let pool = door.pool("10.9.0.0/24").await;
    assert_eq!(pool["Pool"], "10.9.0.0/24");
    let gateway = "10.9.0.1/24";
    assert_eq!(pool["Data"]["com.docker.network.gateway"], gateway);
    let options = json!({"rnet.network": "shared"});
    let made = door
        .twice(
            "NetworkDriver.CreateNetwork",
            create("10.9.0.0/24", gateway, options),
        )
        .await;
    assert_eq!(made, json!({}));

    let address = json!({"PoolID": pool["PoolID"], "Address": "", "Options": null});
    let given = door
        .call("IpamDriver.RequestAddress", address.clone())
        .await;
    assert_eq!(given["Address"], "10.9.0.2/24");
    let next = door.call("IpamDriver.RequestAddress", address).await;
    assert_eq!(
        next["Address"], "10.9.0.3/24",
        "what was given is not given again"
    );

    let asked = endpoint(json!({
        "Interface": {"Address": "10.9.0.2/24", "AddressIPv6": "", "MacAddress": ""},
        "Options": {"rnet.name": "web"},
    }));
    let made = door.twice("NetworkDriver.CreateEndpoint", asked).await;
    let interface = made["Interface"].as_object().unwrap();
    assert!(
        interface.len() == 1 && interface.contains_key("MacAddress"),
        "{made}"
    );
    let joined = door
        .twice("NetworkDriver.Join", endpoint(json!({"SandboxKey": "/x"})))
        .await;
    assert_eq!(joined["Gateway"], "10.9.0.1");
    assert_eq!(joined["InterfaceName"]["DstPrefix"], "eth");
    let source = joined["InterfaceName"]["SrcName"].as_str().unwrap();
    assert!(source.starts_with("vpeer"), "{source}");
    let guest = host.get("/sandboxes/web/json").await.json();
    assert_eq!(
        guest["NetworkSettings"]["Networks"]["shared"]["IPAddress"],
        "10.9.0.2"
    );

    let binding = json!({"Proto": 6, "IP": "", "Port": 80, "HostIP": "", "HostPort": 8080, "HostPortEnd": 8080});
    let ports = endpoint(json!({"Options": {"com.docker.network.portmap": [binding]}}));
    assert_eq!(
        door.twice("NetworkDriver.ProgramExternalConnectivity", ports)
            .await,
        json!({})
    );
    let guest = host.get("/sandboxes/web/json").await.json();
    assert_eq!(
        guest["NetworkSettings"]["Ports"]["80/tcp"][0]["HostPort"],
        "8080"
    );
    for method in [
        "RevokeExternalConnectivity",
        "Leave",
        "DeleteEndpoint",
        "DeleteNetwork",
    ] {
        let told = door
            .twice(&format!("NetworkDriver.{method}"), endpoint(json!({})))
            .await;
        assert_eq!(told, json!({}), "{method}");
    }
    door.twice("IpamDriver.ReleasePool", json!({"PoolID": pool["PoolID"]}))
        .await;
    assert_eq!(host.machine.resources(), before);
    assert_eq!(host.get("/sandboxes/json").await.json(), json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_exists_is_joined_as_it_is_and_stays() {
    let host = TestHost::new();
    let door = Door::of(&host);
    let ipam = json!({"Config": [{"Subnet": "10.9.0.0/24"}]});
    host.post("/networks/create", json!({"Name": "shared", "IPAM": ipam}))
        .await;
    let before = host.machine.resources();
    let pool = door.pool("10.9.0.0/24").await;
    assert_eq!(pool["Data"]["com.docker.network.gateway"], "10.9.0.1/24");
    let join = |pool: &str, gateway: &str, more: Value| {
        let mut options = json!({"rnet.network": "shared"});
        options
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        create(pool, gateway, options)
    };
    for (body, words) in [
        (
            join("10.8.0.0/24", "10.8.0.1/24", json!({})),
            "--subnet 10.9.0.0/24",
        ),
        (
            join("10.9.0.0/24", "10.9.0.7/24", json!({})),
            "other subnets or gateways",
        ),
        (
            join("10.9.0.0/24", "10.9.0.1/24", json!({"x": "y"})),
            "option x",
        ),
        (
            join("10.9.0.0/24", "10.9.0.1/24", json!({"rnet.gateway": "x"})),
            "rnet or docker",
        ),
    ] {
        let told = door.call("NetworkDriver.CreateNetwork", body).await;
        assert!(
            told["Err"].as_str().unwrap_or_default().contains(words),
            "{told}"
        );
    }
    let led = json!({"rnet.gateway": "docker"});
    let made = door
        .twice(
            "NetworkDriver.CreateNetwork",
            join("10.9.0.0/24", "10.9.0.1/24", led),
        )
        .await;
    assert_eq!(made, json!({}));
    door.call(
        "NetworkDriver.CreateEndpoint",
        endpoint(json!({"Interface": {}})),
    )
    .await;
    let joined = door.call("NetworkDriver.Join", endpoint(json!({}))).await;
    assert_eq!(
        joined["Gateway"], "",
        "dockerd leads its containers out itself"
    );
    assert_eq!(joined["DisableGatewayService"], false);
    door.call("NetworkDriver.DeleteEndpoint", endpoint(json!({})))
        .await;
    door.twice("NetworkDriver.DeleteNetwork", endpoint(json!({})))
        .await;
    assert_eq!(host.machine.resources(), before);
    let shown = host.get("/networks/shared").await.json();
    assert_eq!(shown["Labels"], json!({}));
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_have_the_form_of_their_protocol() {
    let host = TestHost::new();
    let door = Door::of(&host);
    let before = host.machine.resources();
    for (method, body, key, words) in [
        ("NetworkDriver.Join", endpoint(json!({})), "Err", NETWORK),
        (
            "NetworkDriver.CreateNetwork",
            json!({"NetworkID": 1}),
            "Err",
            "invalid JSON",
        ),
        ("NetworkDriver.AllocateNetwork", json!({}), "Err", "swarm"),
        (
            "NetworkDriver.NoSuchCall",
            json!({}),
            "Err",
            "does not know",
        ),
        ("IpamDriver.RequestPool", json!({"Pool": "x"}), "Error", "x"),
        (
            "IpamDriver.RequestAddress",
            json!({"PoolID": "10.0.0.0/24"}),
            "Error",
            "10.0.0.0/24",
        ),
    ] {
        let told = door.call(method, body).await;
        assert!(
            told[key].as_str().unwrap_or_default().contains(words),
            "{method}: {told}"
        );
    }
    assert_eq!(host.machine.resources(), before);
    // nobody is promised the same subnet before there is a network
    assert_ne!(door.pool("").await["Pool"], door.pool("").await["Pool"]);
    // but what a dockerd that died asked for is not lost to the next one
    assert_eq!(
        door.pool("10.7.0.0/24").await,
        door.pool("10.7.0.0/24").await
    );
}
