//! curl on the socket, as the shortest of scripts use it.

use anyhow::Result;
use rnet_tests::{Lab, eventually};
use serde_json::Value;

use crate::{is_shut, on_lab, page};

/// The status of a request, and its body.
fn curl(lab: &Lab, request: &str) -> Result<(String, String)> {
    let line =
        format!("curl -s -w '\\n%{{http_code}}' --unix-socket /run/rnet/rnet.sock {request}");
    let told = lab.host(&line)?;
    let (body, status) = told.rsplit_once('\n').unwrap_or(("", &told));
    Ok((status.to_owned(), body.to_owned()))
}

#[test]
fn curl_creates_starts_stops_and_removes_a_container_with_port_bindings() -> Result<()> {
    on_lab(|lab| {
        let body = r#"{"Image":"busybox","Cmd":["sh","-c","echo curl >/www/index.html; exec httpd -f -h /www"],
            "ExposedPorts":{"80/tcp":{}},"HostConfig":{"PortBindings":{"80/tcp":[{"HostPort":"8080"}]}}}"#;
        let create = format!(
            "-X POST -H 'Content-Type: application/json' -d '{body}' 'http://localhost/v1.43/containers/create?name=web'"
        );
        let (status, created) = curl(lab, &create)?;
        assert_eq!(status, "201", "{created}");
        let created: Value = serde_json::from_str(&created)?;
        assert_eq!(created["Warnings"], Value::Array(vec![]));
        assert_eq!(created["Id"].as_str().map(str::len), Some(64));
        for (request, status) in [
            ("-X POST http://localhost/v1.43/containers/web/start", "204"),
            ("-X POST http://localhost/v1.43/containers/web/start", "304"),
        ] {
            assert_eq!(curl(lab, request)?, (status.to_owned(), String::new()));
        }
        for machine in ["host", "outside"] {
            let told = eventually(|| page(lab, machine, "http://192.0.2.1:8080/"))?;
            assert_eq!(told, "curl");
        }
        let (_, shown) = curl(lab, "http://localhost/v1.43/containers/web/json")?;
        let shown: Value = serde_json::from_str(&shown)?;
        let bound = &shown["NetworkSettings"]["Ports"]["80/tcp"][0];
        assert_eq!(bound["HostPort"], "8080");
        assert_eq!(shown["State"]["Running"], true);
        for (request, status) in [
            ("-X DELETE http://localhost/v1.43/containers/web", "409"),
            (
                "-X POST 'http://localhost/v1.43/containers/web/stop?t=0'",
                "204",
            ),
            ("-X DELETE http://localhost/v1.43/containers/web", "204"),
            ("http://localhost/v1.43/containers/web/json", "404"),
        ] {
            let (told, body) = curl(lab, request)?;
            assert_eq!(told, status, "{request}: {body}");
        }
        assert!(is_shut(lab, "outside", "http://192.0.2.1:8080/"));
        Ok(())
    })
}
