//! The network routes.

use serde_json::json;

use crate::host::TestHost;

#[tokio::test]
async fn a_network_is_created_shown_listed_and_deleted() {
    let host = TestHost::new();
    let body = json!({
        "Name": "n", "Driver": "bridge", "Labels": {"tier": "front"},
        "IPAM": {"Driver": "default", "Options": {}, "Config": [{"Subnet": "172.25.0.0/16"}]},
    });
    let created = host.post("/v1.44/networks/create", body.clone()).await;
    assert_eq!(created.status, 201);
    let id = created.json()["Id"].as_str().unwrap().to_owned();
    host.post("/networks/create", body)
        .await
        .is_refusal(409, "network with name n already exists");
    for reference in ["n", &id, &id[..12]] {
        let shown = host
            .get(&format!("/networks/{reference}?verbose=true"))
            .await
            .json();
        assert_eq!(shown["Id"], id.as_str());
        assert_eq!(
            shown["IPAM"]["Config"],
            json!([{"Subnet": "172.25.0.0/16", "Gateway": "172.25.0.1"}])
        );
        assert_eq!(
            (&shown["Containers"], &shown["Options"]),
            (&json!({}), &json!({}))
        );
    }
    for filters in [
        r#"{"label":{"tier=front":true}}"#,
        r#"{"label":["tier=front"],"name":["n"]}"#,
    ] {
        let filters = filters
            .replace('{', "%7B")
            .replace('}', "%7D")
            .replace('"', "%22");
        let list = host
            .get(&format!("/networks?filters={filters}"))
            .await
            .json();
        assert_eq!(list.as_array().unwrap().len(), 1, "{list}");
    }
    assert_eq!(host.delete("/networks/n").await.status, 204);
    host.get("/networks/n")
        .await
        .is_refusal(404, "network n not found");
}

#[tokio::test]
async fn predefined_networks_are_neither_made_nor_removed() {
    let host = TestHost::new();
    for name in ["bridge", "host", "none"] {
        let made = host.post("/networks/create", json!({"Name": name})).await;
        made.is_refusal(
            403,
            &format!("operation is not permitted on predefined {name} network"),
        );
        let removed = host.delete(&format!("/networks/{name}")).await;
        removed.is_refusal(
            403,
            &format!("{name} is a pre-defined network and cannot be removed"),
        );
    }
}

#[tokio::test]
async fn a_network_that_cannot_be_is_refused_and_leaves_nothing() {
    let host = TestHost::new();
    let subnet = |subnet: &str| json!({"Name": "n", "IPAM": {"Config": [{"Subnet": subnet}]}});
    for (body, status, words) in [
        (json!({"Name": ""}), 400, "name"),
        (
            json!({"Name": "n", "Driver": "nope"}),
            404,
            "could not find plugin nope",
        ),
        (json!({"Name": "n", "Ingress": true}), 501, "Ingress"),
        (json!({"Name": "n", "Scope": "swarm"}), 501, "Scope"),
        (
            subnet("172.25.0.0/99"),
            400,
            "invalid network config:\ninvalid subnet",
        ),
        (subnet("172.25.0.9/16"), 400, "172.25.0.0/16"),
        (subnet("172.17.0.0/16"), 403, "overlap"),
    ] {
        host.post("/networks/create", body)
            .await
            .is_refusal(status, words);
    }
    assert_eq!(
        host.get("/networks").await.json().as_array().unwrap().len(),
        3
    );
}

#[tokio::test]
async fn lists_take_known_filters_with_known_values_only() {
    let host = TestHost::new();
    let list = |filters: &str| {
        format!(
            "/networks?filters={}",
            filters
                .replace('"', "%22")
                .replace('{', "%7B")
                .replace('}', "%7D")
        )
    };
    host.get(&list(r#"{"foo":["x"]}"#))
        .await
        .is_refusal(400, "invalid filter 'foo'");
    host.get(&list(r#"{"type":["x"]}"#))
        .await
        .is_refusal(400, "invalid filter: 'type'='x'");
    host.get(&list(r#"{"dangling":["1","0"]}"#))
        .await
        .is_refusal(400, "dangling");
    assert_eq!(
        host.get(&list(r#"{"type":["custom"]}"#)).await.json(),
        json!([])
    );
    assert_eq!(
        host.get("/networks/")
            .await
            .json()
            .as_array()
            .unwrap()
            .len(),
        3
    );
}

#[tokio::test]
async fn pruning_takes_the_unused_networks_alone() {
    let host = TestHost::with_image().await;
    for name in ["used", "unused"] {
        assert_eq!(
            host.post("/networks/create", json!({"Name": name}))
                .await
                .status,
            201
        );
    }
    let body = json!({"Image": "tiny", "Cmd": ["/init"], "HostConfig": {"NetworkMode": "used"}});
    assert_eq!(host.post("/containers/create", body).await.status, 201);
    let pruned = host.post("/networks/prune", json!({})).await.json();
    assert_eq!(pruned, json!({"NetworksDeleted": ["unused"]}));
}
