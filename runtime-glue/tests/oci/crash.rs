//! A runtime that is killed, wherever it is: what it leaves can be removed, and nothing lives on by itself.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::lab::{Lab, eventually};

#[test]
fn whatever_a_killed_create_leaves_is_deleted() {
    let lab = Lab::new();
    lab.write(&lab.config("sleep 1000"));
    // how long one takes tells where to cut others off
    let begun = Instant::now();
    assert_eq!(lab.rnet(&["create", "whole"]).code, 0);
    let whole = begun.elapsed();
    assert_eq!(lab.rnet(&["delete", "--force", "whole"]).code, 0);
    const CUTS: u32 = 40;
    for cut in 0..CUTS {
        let id = format!("cut-{cut}");
        let mut create = lab.command(crate::lab::Runtime::Rnet, &["create", &id]);
        create.stdout(Stdio::null()).stderr(Stdio::null());
        let mut create = create.spawn().unwrap();
        std::thread::sleep(whole * cut / CUTS + Duration::from_micros(100));
        let _ = create.kill();
        create.wait().unwrap();
        let deleted = lab.rnet(&["delete", "--force", &id]);
        assert_eq!(deleted.code, 0, "{cut}: {deleted:?}");
        eventually("nothing left", || lab.left().is_empty().then_some(()));
        let again = lab.rnet(&["create", &id]);
        assert_eq!(again.code, 0, "{cut}: {again:?}");
        assert_eq!(lab.rnet(&["delete", "--force", &id]).code, 0);
    }
}

#[test]
fn a_killed_start_leaves_a_container_that_knows_where_it_is() {
    let lab = Lab::new();
    let mut config = lab.config("sleep 1000");
    config["hooks"]["startContainer"] = serde_json::json!([{"path": "/bin/sh", "args": ["sh", "-c", "while ! [ -e /tmp/go ]; do sleep 0.05; done"]}]);
    lab.write(&config);
    let id = lab.id();
    assert_eq!(lab.rnet(&["create", &id]).code, 0);
    let mut start = lab
        .command(crate::lab::Runtime::Rnet, &["start", &id])
        .spawn()
        .unwrap();
    // it is past its door once nobody listens any more
    eventually("taken", || (lab.status(&id) == "running").then_some(()));
    start.kill().unwrap();
    start.wait().unwrap();
    std::fs::write(lab.bundle().join("rootfs/tmp/go"), "").unwrap();
    let again = lab.rnet(&["start", &id]);
    assert!(
        again.code == 1 && again.err.contains("it is running"),
        "{again:?}"
    );
    eventually("runs", || {
        (lab.rnet(&["exec", &id, "sh", "-c", "ps | grep -q 'sleep 1000'"])
            .code
            == 0)
            .then_some(())
    });
    assert_eq!(lab.rnet(&["delete", "--force", &id]).code, 0);
}
