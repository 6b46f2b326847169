//! A daemon over a machine made of lists, and a client of its API.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use netd::daemon::{Daemon, DefaultBridge, Hands, Settings};
use netd::remote::PluginSettings;
use netd::store::Durable;
use rnet_kernel::fake::FakeKernel;
use serde_json::Value;
use tower::ServiceExt;

/// A host with a daemon; gone when dropped.
pub(crate) struct TestHost {
    pub(crate) daemon: Arc<Daemon>,
    pub(crate) machine: Arc<FakeKernel>,
    pub(crate) directory: tempfile::TempDir,
    router: Router,
}

/// What was answered.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl TestHost {
    /// A host whose daemon has the predefined networks and nothing else; its containers cannot be started.
    pub(crate) fn new() -> Self {
        Self::with_plugins(PluginSettings::default())
    }

    /// The same, with plugins of others.
    pub(crate) fn with_plugins(plugins: PluginSettings) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (state_dir, run_dir) = (directory.path().join("state"), directory.path().join("run"));
        let store = Durable::open(&state_dir, &run_dir).unwrap();
        let machine = Arc::new(FakeKernel::new());
        let hands = Hands {
            kernel: machine.clone(),
            firewall: machine.clone(),
            host: machine.clone(),
        };
        let settings = Settings {
            state_dir,
            run_dir,
            pools: rnet_ipam::Pools::default(),
            default_bridge: DefaultBridge::default(),
            default_network_options: Default::default(),
            default_log: Default::default(),
            plugins,
            cgroup_parent: "rnet-test".to_owned(),
            registries: Default::default(),
        };
        let shim = "/nonexistent/rnet-shim".into();
        let tasks = tokio::runtime::Handle::current();
        let daemon = Daemon::open(settings, hands, Arc::new(store), shim, tasks).unwrap();
        let router = netd::api::router(Arc::clone(&daemon));
        Self {
            daemon,
            machine,
            directory,
            router,
        }
    }

    /// A host with an image `tiny` of one file.
    pub(crate) async fn with_image() -> Self {
        let host = Self::new();
        let mut archive = tar::Builder::new(Vec::new());
        let mut entry = tar::Header::new_gnu();
        entry.set_size(2);
        entry.set_mode(0o755);
        entry.set_uid(0);
        entry.set_gid(0);
        archive.append_data(&mut entry, "init", &b"hi"[..]).unwrap();
        let body = Body::from(archive.into_inner().unwrap());
        let request = Request::post("/images/create?fromSrc=-&repo=tiny")
            .body(body)
            .unwrap();
        let imported = host.send(request).await;
        assert_eq!(imported.status, 200, "{}", imported.message());
        host
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap())
            .await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Request::delete(path).body(Body::empty()).unwrap())
            .await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        let body = body.to_string();
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONTENT_LENGTH, body.len());
        self.send(request.body(Body::from(body)).unwrap()).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The message of a failure.
    pub(crate) fn message(&self) -> String {
        self.json()["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// Asserts a failure of that status whose message contains these words.
    pub(crate) fn is_refusal(&self, status: u16, words: &str) {
        assert!(
            self.status == status && self.message().contains(words),
            "{} {}",
            self.status,
            String::from_utf8_lossy(&self.body)
        );
    }
}
