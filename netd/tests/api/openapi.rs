//! The description of the API tells of what is served.

use axum::body::Body;
use axum::http::Request;
use serde_json::Value;

use crate::host::TestHost;

/// The copy for readers; `RNET_WRITE_DOCS=1 cargo test -p netd --test api openapi` writes it anew.
const COPY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");

/// What a description says there is, as method and path.
fn operations(description: &Value) -> Vec<(String, String)> {
    let paths = description["paths"].as_object().into_iter().flatten();
    let all = paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().into_iter().flatten();
        methods.map(|(method, _)| (method.to_uppercase(), path.clone()))
    });
    all.collect()
}

#[tokio::test]
async fn all_that_is_described_is_served() {
    let host = TestHost::new();
    let description: Value =
        serde_json::from_slice(&host.get("/v1.44/openapi.json").await.body).unwrap();
    let told = operations(&description);
    for known in [
        ("POST", "/containers/{id}/start"),
        ("GET", "/images/{name}/json"),
        ("PUT", "/containers/{id}/archive"),
        ("HEAD", "/containers/{id}/archive"),
        ("GET", "/events"),
    ] {
        let known = (known.0.to_owned(), known.1.to_owned());
        assert!(told.contains(&known), "{known:?}");
    }
    for (method, path) in told {
        // the one is a stream that does not end, the other asks a registry outside
        if matches!(path.as_str(), "/events" | "/auth") {
            continue;
        }
        let request = Request::builder()
            .method(method.as_str())
            .uri(path.replace(['{', '}'], ""));
        let answer = host.send(request.body(Body::empty()).unwrap()).await;
        let body = String::from_utf8_lossy(&answer.body);
        assert!(!body.contains("page not found"), "{method} {path}");
        assert_ne!(answer.status, 500, "{method} {path}: {body}");
    }
}

#[tokio::test]
async fn the_copy_for_readers_tells_what_is_served() {
    let host = TestHost::new();
    let served: Value = serde_json::from_slice(&host.get("/openapi.json").await.body).unwrap();
    if std::env::var_os("RNET_WRITE_DOCS").is_some() {
        let text = serde_json::to_string_pretty(&served).unwrap();
        std::fs::write(COPY, text + "\n").unwrap();
    }
    let copy: Value = serde_json::from_str(&std::fs::read_to_string(COPY).unwrap()).unwrap();
    assert_eq!(operations(&copy), operations(&served));
    assert!(copy == served, "docs/openapi.json is old: write it anew");
}

#[tokio::test]
async fn what_a_route_does_not_declare_is_not_read() {
    let host = TestHost::new();
    let unknown = host
        .get("/networks?colour=red&filters=%7B%22name%22%3A%5B%22bridge%22%5D%7D")
        .await;
    let found: Value = serde_json::from_slice(&unknown.body).unwrap();
    assert_eq!(found.as_array().map(Vec::len), Some(1), "{found}");
}
