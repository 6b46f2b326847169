//! The container routes, as far as they go without a kernel.

use serde_json::{Value, json};

use crate::host::TestHost;

fn body() -> Value {
    json!({"Image": "tiny", "Cmd": ["/init"]})
}

#[tokio::test]
async fn a_container_is_created_shown_renamed_listed_and_removed() {
    let host = TestHost::with_image().await;
    let created = host.post("/containers/create?name=c1", body()).await;
    assert_eq!(
        (created.status.as_u16(), &created.json()["Warnings"]),
        (201, &json!([]))
    );
    let id = created.json()["Id"].as_str().unwrap().to_owned();
    let again = host.post("/containers/create?name=c1", body()).await;
    again.is_refusal(
        409,
        &format!("The container name \"/c1\" is already in use by container \"{id}\""),
    );
    let shown = host.get("/containers/c1/json").await.json();
    assert_eq!((&shown["Id"], &shown["Name"]), (&json!(id), &json!("/c1")));
    assert_eq!(
        (&shown["Path"], &shown["State"]["Status"]),
        (&json!("/init"), &json!("created"))
    );
    assert_eq!(shown["Config"]["Hostname"], id[..12]);
    assert!(shown["NetworkSettings"]["Networks"]["bridge"]["NetworkID"].is_string());
    assert_eq!(shown["NetworkSettings"]["IPAddress"], "");
    assert_eq!(
        host.post("/containers/c1/rename?name=c2", json!({}))
            .await
            .status,
        204
    );
    assert_eq!(host.get("/containers/json").await.json(), json!([]));
    let list = host.get("/containers/json?all=True").await.json();
    assert_eq!(
        (&list[0]["Names"], &list[0]["State"]),
        (&json!(["/c2"]), &json!("created"))
    );
    assert_eq!(host.delete("/containers/c2").await.status, 204);
    host.get("/containers/c2/json")
        .await
        .is_refusal(404, "No such container: c2");
}

#[tokio::test]
async fn a_container_that_cannot_be_is_refused_and_leaves_nothing() {
    let host = TestHost::with_image().await;
    let with = |host: Value| json!({"Image": "tiny", "Cmd": ["/init"], "HostConfig": host});
    for (body, status, words) in [
        (json!({}), 400, "config cannot be empty"),
        (
            json!({"Image": "nope", "Cmd": ["x"]}),
            404,
            "No such image: nope:latest",
        ),
        (json!({"Image": "tiny"}), 400, "no command specified"),
        (
            json!({"Image": "tiny", "Cmd": ["x"], "WorkingDir": "here"}),
            400,
            "absolute path",
        ),
        (
            json!({"Image": "tiny", "Cmd": ["x"], "Env": ["=x"]}),
            400,
            "environment variable",
        ),
        (
            json!({"Image": "tiny", "Cmd": ["x"], "StopSignal": "SIGNOPE"}),
            400,
            "signal",
        ),
        (
            with(json!({"StorageOpt": {"size": "1G"}})),
            501,
            "HostConfig.StorageOpt",
        ),
        // clients take 404 for a missing image
        (
            with(json!({"NetworkMode": "nope"})),
            400,
            "network nope not found",
        ),
        (
            with(json!({"PortBindings": {"80/tcp": [{"HostPort": "99999"}]}})),
            400,
            "99999",
        ),
        (with(json!({"Binds": ["a:/b"]})), 400, "volume name"),
        (with(json!({"Memory": 4096})), 400, "Minimum memory limit"),
        (with(json!({"CapAdd": ["NOPE"]})), 400, "NOPE"),
        (with(json!({"Dns": ["x"]})), 400, "invalid DNS server"),
        (
            with(json!({"ExtraHosts": ["x"]})),
            400,
            "invalid extra host",
        ),
    ] {
        host.post("/containers/create", body)
            .await
            .is_refusal(status, words);
    }
    host.post("/containers/create?name=-x", body())
        .await
        .is_refusal(400, "Invalid container name (-x)");
    assert_eq!(host.get("/containers/json?all=1").await.json(), json!([]));
}

#[tokio::test]
async fn a_container_that_never_ran_has_answers_too() {
    let host = TestHost::with_image().await;
    assert_eq!(
        host.post("/containers/create?name=c1", body()).await.status,
        201
    );
    let waited = host.post("/containers/c1/wait", json!({})).await;
    assert_eq!(waited.json(), json!({"StatusCode": 0}));
    let logs = host.get("/containers/c1/logs?stdout=1&follow=1").await;
    assert_eq!((logs.status.as_u16(), logs.body.len()), (200, 0));
    let logs = host.get("/containers/c1/logs").await;
    logs.is_refusal(400, "Bad parameters: you must choose at least one stream");
    assert_eq!(
        host.post("/containers/c1/stop", json!({})).await.status,
        304
    );
    host.post("/containers/c1/kill", json!({}))
        .await
        .is_refusal(409, "is not running");
    host.post("/containers/c1/exec", json!({"Cmd": ["x"]}))
        .await
        .is_refusal(409, "is not running");
    host.get("/containers/c1/top")
        .await
        .is_refusal(409, "is not running");
    host.post("/containers/c1/wait?condition=x", json!({}))
        .await
        .is_refusal(400, "condition");
    host.get("/exec/nope/json")
        .await
        .is_refusal(404, "No such exec instance: nope");
}

#[tokio::test]
async fn a_start_that_fails_leaves_the_container_as_it_was() {
    let host = TestHost::with_image().await;
    assert_eq!(
        host.post("/containers/create?name=c1", body()).await.status,
        201
    );
    host.post("/containers/c1/start", json!({}))
        .await
        .is_refusal(500, "rnet-shim");
    let running = host.get("/containers/json").await.json();
    assert_eq!(running, json!([]));
    let network = host.get("/networks/bridge").await.json();
    assert_eq!(network["Containers"], json!({}));
}

#[tokio::test]
async fn connecting_a_container_that_does_not_run_is_recorded() {
    let host = TestHost::with_image().await;
    assert_eq!(
        host.post("/containers/create?name=c1", body()).await.status,
        201
    );
    assert_eq!(
        host.post("/networks/create", json!({"Name": "n"}))
            .await
            .status,
        201
    );
    let connect = json!({"Container": "c1", "EndpointConfig": {"Aliases": ["web"]}});
    assert_eq!(
        host.post("/networks/n/connect", connect.clone())
            .await
            .status,
        200
    );
    host.post("/networks/n/connect", connect)
        .await
        .is_refusal(403, "already exists in network n");
    let shown = host.get("/containers/c1/json").await.json();
    assert_eq!(
        shown["NetworkSettings"]["Networks"]["n"]["Aliases"],
        json!(["web"])
    );
    let disconnect = json!({"Container": "c1"});
    assert_eq!(
        host.post("/networks/n/disconnect", disconnect.clone())
            .await
            .status,
        200
    );
    host.post("/networks/n/disconnect", disconnect)
        .await
        .is_refusal(500, "is not connected to network n");
    let bad = json!({"Container": "c1", "EndpointConfig": {"IPAMConfig": {"IPv4Address": "x"}}});
    host.post("/networks/n/connect", bad)
        .await
        .is_refusal(400, "invalid IPv4 address: x");
    host.post("/networks/n/connect", json!({"Container": "nope"}))
        .await
        .is_refusal(404, "No such container");
}

#[tokio::test]
async fn an_image_in_use_stays() {
    let host = TestHost::with_image().await;
    assert_eq!(
        host.post("/containers/create?name=c1", body()).await.status,
        201
    );
    host.delete("/images/tiny?force=1")
        .await
        .is_refusal(409, "image is being used by stopped container");
    assert_eq!(
        host.post("/images/tiny/tag?repo=some/name&tag=v1", json!({}))
            .await
            .status,
        201
    );
    assert_eq!(
        host.get("/images/some/name:v1/json").await.json()["RepoTags"],
        json!(["some/name:v1", "tiny:latest"])
    );
    assert_eq!(
        host.delete("/images/some/name:v1").await.json(),
        json!([{"Untagged": "some/name:v1"}])
    );
    assert_eq!(host.delete("/containers/c1").await.status, 204);
    assert_eq!(host.delete("/images/tiny").await.status, 200);
    assert_eq!(host.get("/images/json").await.json(), json!([]));
}
