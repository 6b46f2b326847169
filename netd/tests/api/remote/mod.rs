//! Networks of a plugin that lies, hangs or dies: nobody else notices, and nothing is left.

mod lies;

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::host::TestHost;
use crate::liar::Liar;

/// A host with the plugin, a network `theirs` of it, and a file that stands for a network namespace.
struct Stage {
    host: TestHost,
    liar: Liar,
}

impl Stage {
    async fn new() -> Self {
        let liar = Liar::new();
        let host = TestHost::with_plugins(liar.settings());
        let stage = Self { host, liar };
        let made = stage.create("theirs", "10.5.0.0/24").await;
        assert_eq!(made.0, 201, "{}", made.1);
        for name in ["veth7", "veth8", "lo"] {
            stage.host.machine.add_foreign_link(name.parse().unwrap());
        }
        stage.joins("veth7");
        std::fs::write(stage.namespace(), "").unwrap();
        stage
    }

    fn namespace(&self) -> std::path::PathBuf {
        self.host.directory.path().join("namespace")
    }

    fn joins(&self, link: &str) {
        let name = json!({"SrcName": link, "DstPrefix": "eth"});
        let join = json!({"InterfaceName": name, "Gateway": "10.5.0.1"});
        self.liar.say("NetworkDriver.Join", join);
    }

    async fn create(&self, name: &str, subnet: &str) -> (u16, String) {
        let ipam = json!({"Config": [{"Subnet": subnet}]});
        let body = json!({"Name": name, "Driver": "liar", "IPAM": ipam, "Options": {"k": "v"}});
        let made = self.host.post("/networks/create", body).await;
        (made.status.as_u16(), made.message())
    }

    /// Attaches a guest; what is said of it, or the refusal.
    async fn attach(&self, settings: Value) -> (u16, Value) {
        let networks = json!({"EndpointsConfig": {"theirs": settings}});
        let body = json!({"Name": "g", "NetNS": self.namespace(), "NetworkingConfig": networks});
        let made = self.host.post("/sandboxes/create", body).await;
        (made.status.as_u16(), made.json())
    }

    /// What no failed attach may change.
    fn seen(&self) -> (Vec<rnet_model::Resource>, usize, usize) {
        let counts =
            |state: &netd::state::State| (state.endpoints().count(), state.sandboxes().count());
        let (endpoints, sandboxes) = self.host.daemon.read(counts);
        (self.host.machine.resources(), endpoints, sandboxes)
    }
}

async fn eventually(mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < deadline, "it never was so");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_is_told_of_its_network_and_endpoints_in_libnetwork_s_words() {
    let stage = Stage::new().await;
    let Stage { host, liar } = &stage;
    assert_eq!(
        liar.heard("Plugin.Activate").len(),
        1,
        "once, however many calls"
    );
    let [created] = &liar.heard("NetworkDriver.CreateNetwork")[..] else {
        panic!("one network");
    };
    let id = host.get("/networks/theirs").await.json()["Id"].clone();
    assert_eq!(
        created,
        &json!({
            "NetworkID": id,
            "Options": {
                "com.docker.network.generic": {"k": "v"},
                "com.docker.network.enable_ipv4": true,
                "com.docker.network.enable_ipv6": false,
            },
            "IPv4Data": [{
                "AddressSpace": "LocalDefault", "Pool": "10.5.0.0/24", "Gateway": "10.5.0.1/24",
                "AuxAddresses": {},
            }],
            "IPv6Data": [],
        })
    );
    let before = stage.seen();
    let (status, made) = stage.attach(json!({"DriverOpts": {"a": "b"}})).await;
    assert_eq!(status, 201, "{made}");
    let shown = &made["NetworkSettings"]["Networks"]["theirs"];
    assert_eq!(shown["IPAddress"], "10.5.0.2");
    assert_eq!(shown["Gateway"], "10.5.0.1");
    let [endpoint] = &stage.liar.heard("NetworkDriver.CreateEndpoint")[..] else {
        panic!("one endpoint");
    };
    let open = json!({"Address": "10.5.0.2/24", "AddressIPv6": "", "MacAddress": ""});
    assert_eq!(endpoint["Interface"], open);
    assert_eq!(endpoint["Options"]["a"], "b");
    let texts: Vec<_> = stage
        .host
        .machine
        .resources()
        .iter()
        .map(ToString::to_string)
        .collect();
    let moved = |it: &String| it.starts_with("link set veth7 netns") && it.ends_with("name eth0");
    assert!(texts.iter().any(moved), "{texts:?}");
    assert!(
        texts
            .iter()
            .any(|it| it.ends_with("route replace 0.0.0.0/0 via 10.5.0.1 dev eth0"))
    );
    assert_eq!(
        stage
            .liar
            .heard("NetworkDriver.ProgramExternalConnectivity")
            .len(),
        1
    );

    assert_eq!(stage.host.delete("/sandboxes/g").await.status, 204);
    assert_eq!(stage.seen(), before);
    for call in ["RevokeExternalConnectivity", "Leave", "DeleteEndpoint"] {
        let heard = stage.liar.heard(&format!("NetworkDriver.{call}"));
        assert_eq!(heard.len(), 1, "{call}");
        assert_eq!(heard[0]["EndpointID"], endpoint["EndpointID"], "{call}");
    }
    assert_eq!(stage.host.delete("/networks/theirs").await.status, 204);
    assert_eq!(stage.liar.heard("NetworkDriver.DeleteNetwork").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_is_gone_when_its_endpoint_goes_is_told_once_it_is_back() {
    let stage = Stage::new().await;
    let before = stage.seen();
    assert_eq!(stage.attach(json!({})).await.0, 201);
    stage.liar.vanish();
    assert_eq!(stage.host.delete("/sandboxes/g").await.status, 204);
    assert_eq!(
        stage.seen().0,
        before.0,
        "the kernel has nothing of it any more"
    );
    assert_eq!(stage.seen().1, 1, "and the record says what is owed");
    let containers = stage.host.get("/networks/theirs").await.json()["Containers"].clone();
    assert_eq!(containers, json!({}), "nobody is shown what is owed");
    let refused = stage.host.delete("/networks/theirs").await;
    refused.is_refusal(403, "has active endpoints");
    assert!(stage.liar.heard("NetworkDriver.DeleteEndpoint").is_empty());
    stage.liar.listen();
    eventually(|| stage.seen() == before).await;
    for call in ["RevokeExternalConnectivity", "Leave", "DeleteEndpoint"] {
        let heard = stage.liar.heard(&format!("NetworkDriver.{call}"));
        assert_eq!(heard.len(), 1, "{call}");
    }
    assert_eq!(
        stage.liar.heard("Plugin.Activate").len(),
        2,
        "again after a restart"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_its_plugin_refuses_is_none_and_one_that_is_owed_can_be_forgotten() {
    let stage = Stage::new().await;
    let before = stage.seen();
    stage
        .liar
        .say("NetworkDriver.CreateNetwork", json!({"Err": "no more"}));
    let (status, message) = stage.create("more", "10.4.0.0/24").await;
    assert_eq!(status, 500);
    assert!(message.contains("no more"), "{message}");
    assert_eq!(stage.host.get("/networks/more").await.status, 404);
    assert_eq!(stage.seen(), before);
    let absent = json!({"Name": "n", "Driver": "absent"});
    let words = "could not find plugin absent in v1 plugin registry: plugin not found";
    let refused = stage.host.post("/networks/create", absent).await;
    refused.is_refusal(404, words);
    let absent = json!({"Name": "n", "IPAM": {"Driver": "absent"}});
    let refused = stage.host.post("/networks/create", absent).await;
    refused.is_refusal(404, words);
    stage
        .liar
        .say("Plugin.Activate", json!({"Implements": ["VolumeDriver"]}));
    stage.liar.vanish();
    stage.liar.listen();
    let (_, message) = stage.create("more", "10.4.0.0/24").await;
    assert!(message.contains("Plugin does not implement"), "{message}");

    stage.liar.vanish();
    let owed = stage.host.delete("/networks/theirs").await;
    owed.is_refusal(500, "rnet network rm -f theirs");
    assert_eq!(stage.attach(json!({})).await.0, 409, "it is of no more use");
    assert_eq!(
        stage.host.delete("/networks/theirs?force=1").await.status,
        204
    );
    assert_eq!(stage.host.get("/networks/theirs").await.status, 404);
}
