//! What holds for every path.

use axum::body::Body;
use axum::http::{Method, Request};

use crate::host::TestHost;

#[tokio::test]
async fn every_answer_says_who_speaks() {
    let host = TestHost::new();
    for path in [
        "/_ping",
        "/v1.44/networks",
        "/nope",
        "/v1.39/_ping",
        "/networks/nope",
    ] {
        let headers = host.get(path).await.headers;
        assert_eq!(headers["api-version"], "1.51", "{path}");
        assert_eq!(headers["ostype"], "linux", "{path}");
        assert_eq!(headers["docker-experimental"], "false", "{path}");
        assert!(
            headers["server"].to_str().unwrap().starts_with("rnet/"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn unknown_paths_and_wrong_methods_are_not_found() {
    let host = TestHost::new();
    let wrong = [
        (Method::GET, "/nope"),
        (Method::GET, "/v1.44/nope"),
        (Method::POST, "/_ping"),
        (Method::PUT, "/networks/bridge"),
        (Method::GET, "/images/busybox/nope"),
        (Method::POST, "/images/busybox/nope"),
    ];
    for (method, path) in wrong {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .body(Body::empty())
            .unwrap();
        host.send(request).await.is_refusal(404, "page not found");
    }
}

#[tokio::test]
async fn versions_outside_the_range_are_refused() {
    let host = TestHost::new();
    host.get("/v1.39/info")
        .await
        .is_refusal(400, "client version 1.39 is too old");
    host.get("/v1.52/info")
        .await
        .is_refusal(400, "client version 1.52 is too new");
    for path in ["/v1.40/info", "/v1.51/info", "/info"] {
        assert_eq!(host.get(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_ping_has_a_body_only_when_it_is_asked_for() {
    let host = TestHost::new();
    assert_eq!(host.get("/_ping").await.body, b"OK");
    let head = Request::head("/v1.44/_ping").body(Body::empty()).unwrap();
    let answer = host.send(head).await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 0));
    assert_eq!(answer.headers["pragma"], "no-cache");
}
