//! Changes of a sandbox that lives: a failure at each call, a death at each call.

use std::collections::BTreeSet;
use std::path::Path;

use bollard_stubs::models::{PortBinding, PortMap};
use netd::daemon::{GuestChange, GuestRequest, InterfaceChange};
use rnet_model::EndpointSettings;

use crate::{Stage, limits};

/// A guest with limits, in a file that stands for its namespace.
fn guest(stage: &Stage, namespace: &Path) {
    std::fs::write(namespace, "").unwrap();
    let settings = EndpointSettings {
        driver_options: limits("1m"),
        ..EndpointSettings::default()
    };
    let request = GuestRequest {
        reference: "g".into(),
        runtime: "r".into(),
        namespace: Some(namespace.to_owned()),
        networks: vec![("front".into(), settings)],
        ..GuestRequest::default()
    };
    stage.daemon.create_guest(request).unwrap();
}

/// One that changes everything there is to change; `rate` is empty for no limits.
fn change(rate: &str) -> GuestChange {
    let binding = PortBinding {
        host_ip: None,
        host_port: Some("8081".into()),
    };
    GuestChange {
        port_bindings: Some(PortMap::from([("81/tcp".into(), Some(vec![binding]))])),
        interface: Some(InterfaceChange {
            name: "eth0".parse().unwrap(),
            aliases: vec!["shop".into()],
            mac: Some("02:00:00:00:00:07".parse().unwrap()),
            mtu: Some(1400.try_into().unwrap()),
            options: limits(rate),
        }),
    }
}

fn resources(stage: &Stage) -> BTreeSet<String> {
    let all = stage.machine.kernel.resources();
    all.iter().map(ToString::to_string).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_failing_at_any_call_leaves_the_sandbox_as_it_was() {
    for rate in ["2m", ""] {
        let stage = Stage::new();
        guest(&stage, &stage.directory.path().join("namespace"));
        let before = (resources(&stage), stage.machine.kernel.policy());
        let mut failures = 0;
        for call in 1.. {
            stage.machine.kernel.fail_at(call);
            let altered = stage.daemon.alter_guest(Some("r"), "g", &change(rate));
            stage.machine.kernel.fail_at(0);
            if altered.is_ok() {
                break;
            }
            failures += 1;
            let after = (resources(&stage), stage.machine.kernel.policy());
            assert_eq!(after, before, "failed at call {call}");
        }
        assert!(failures > 3, "only {failures} calls can fail");
        assert_ne!(resources(&stage), before.0);
        stage.daemon.delete_guest("g", None).unwrap();
        stage.assert_as_before("deleted");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_dying_at_any_call_of_a_change_leaves_nothing_that_its_successor_cannot_remove() {
    for rate in ["2m", ""] {
        for call in 1.. {
            let mut stage = Stage::new();
            guest(&stage, &stage.directory.path().join("namespace"));
            stage.machine.fuse.burn_at(call);
            let _ = stage.daemon.alter_guest(Some("r"), "g", &change(rate));
            let died = stage.machine.fuse.used() >= call;
            stage.restart();
            stage.daemon.delete_guest("g", None).unwrap();
            stage.assert_as_before(&format!("died at call {call}"));
            if !died {
                break;
            }
        }
    }
}
