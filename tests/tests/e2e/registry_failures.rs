//! Pulls that fail, break off or meet: what is told, and that nothing is left.

use anyhow::{Context, Result, ensure};
use rnet_tests::eventually;

use crate::on_lab;
use crate::registry::{REGISTRY, end, serve};

#[test]
fn who_goes_away_while_a_registry_hangs_leaves_nothing() -> Result<()> {
    on_lab(|lab| {
        let idle = lab.contents()?;
        lab.host("busybox nc -ll -p 5001 -e sleep 1000 >/dev/null 2>&1 </dev/null & echo $! >/tmp/hanging")?;
        let mut client = lab.begin("exec rnet pull localhost:5001/app")?;
        let connected = "ss -Htn state established dport = :5001 | grep .";
        eventually(|| lab.host(connected)).context("netd asked nobody")?;
        let inside = lab.host("pgrep -x rnet")?;
        lab.host(&format!("kill -9 {inside}"))?;
        client.wait()?;
        eventually(|| lab.try_host(connected)?.failure(1)).context("netd still asks")?;
        lab.host("kill $(cat /tmp/hanging); pkill -x sleep; rm /tmp/hanging")?;
        lab.assert_nothing_left(&idle)
    })
}

#[test]
fn a_full_disk_fails_a_pull_and_leaves_nothing() -> Result<()> {
    on_lab(|lab| {
        serve(lab, "")?;
        let name = format!("{REGISTRY}/app");
        lab.host(&format!(
            "rnet tag busybox {name}; rnet push -q {name}; rnet rmi {name} busybox"
        ))?;
        let before = lab.contents()?;
        let gathering = "/var/lib/rnet/images/tmp";
        lab.host(&format!("mount -t tmpfs -o size=64k none {gathering}"))?;
        let refused = lab.try_host(&format!("rnet pull {name}"))?.failure(1)?;
        ensure!(refused.contains("no space left on device"), "{refused}");
        ensure!(lab.host(&format!("ls {gathering}"))?.is_empty());
        lab.host(&format!("umount {gathering}"))?;
        lab.assert_nothing_left(&before)?;
        lab.host(&format!(
            "rnet pull {name}; rnet tag {name} busybox; rnet rmi {name}"
        ))?;
        end(lab)
    })
}

#[test]
fn two_who_pull_at_once_fetch_a_layer_once() -> Result<()> {
    on_lab(|lab| {
        serve(lab, "")?;
        let name = format!("{REGISTRY}/app");
        lab.host(&format!(
            "rnet tag busybox {name}; rnet push -q {name}; rnet rmi {name} busybox"
        ))?;
        let manifest = lab.host("curl -s -H 'Accept: application/vnd.docker.distribution.manifest.v2+json' http://localhost:5000/v2/app/manifests/latest")?;
        let manifest: serde_json::Value = serde_json::from_str(&manifest)?;
        let layer = manifest["layers"][0]["digest"]
            .as_str()
            .context("an image has a layer")?;
        lab.host(&format!(
            "rnet pull {name} >/dev/null & rnet pull {name} >/dev/null & wait"
        ))?;
        let log = lab.directory().join("registry.log");
        let fetched = format!("GET /v2/app/blobs/{layer} ");
        let times = std::fs::read_to_string(log)?.matches(&fetched).count();
        assert_eq!(times, 1);
        lab.host(&format!("rnet tag {name} busybox; rnet rmi {name}"))?;
        end(lab)
    })
}

#[test]
fn a_blob_that_was_tampered_with_is_refused() -> Result<()> {
    on_lab(|lab| {
        serve(lab, "")?;
        let name = format!("{REGISTRY}/app");
        let directory = lab.directory().display();
        lab.host(&format!(
            "rnet save -o {directory}/busybox.tar busybox
             rnet tag busybox {name}; rnet push -q {name}; rnet rmi {name} busybox"
        ))?;
        let before = lab.contents()?;
        // one byte of the longest blob, which is the layer
        lab.host(&format!(
            "printf x | dd of=$(ls -S {directory}/registry/docker/registry/v2/blobs/sha256/*/*/data | head -n 1) bs=1 seek=5000 conv=notrunc"
        ))?;
        let refused = lab.try_host(&format!("rnet pull {name}"))?.failure(1)?;
        ensure!(
            refused.contains("filesystem layer verification failed for digest sha256:"),
            "{refused}"
        );
        lab.assert_nothing_left(&before)?;
        lab.host(&format!("rnet load -i {directory}/busybox.tar"))?;
        end(lab)
    })
}
