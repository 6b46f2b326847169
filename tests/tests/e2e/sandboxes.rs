//! Plain programs and containers of OCI runtimes on rnet's networks.

use std::fs;

use anyhow::{Context, Result, ensure};
use rnet_tests::{Lab, eventually};
use serde_json::{Value, json};

use crate::{cut_off, idle, on_lab, page, reaches, serve};

fn no_sandboxes(lab: &Lab) -> Result<()> {
    eventually(|| {
        let left = lab.host("rnet sandbox ls -q")?;
        ensure!(left.is_empty(), "left: {left}");
        Ok(())
    })
}

#[test]
fn a_program_of_the_host_runs_on_a_network() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet network create --subnet 172.25.0.0/16 --ipv6 front")?;
        serve(lab, "web", "--network front")?;
        let fetch = "rnet exec-in front -- busybox wget -qO- http://web/";
        assert_eq!(lab.host(fetch)?, "web");
        no_sandboxes(lab)?;

        // it answers to its name, at its address and at its port, until it ends
        let program = lab.begin(
            "mkdir /run/pages; echo program >/run/pages/index.html; exec rnet exec-in --name tool -p 8080:80 \
             name=front,ip=172.25.0.9 -- sh -c 'echo $$ >/run/pages/pid; exec busybox httpd -f -p [::]:80 -h /run/pages'",
        )?;
        // by address first: until the name is known here, the name server outside answers to it
        eventually(|| page(lab, "web", "http://172.25.0.9/"))?;
        assert_eq!(page(lab, "web", "http://tool/")?, "program");
        assert_eq!(page(lab, "outside", "http://192.0.2.1:8080/")?, "program");
        let shown = lab.host("rnet sandbox ls --format '{{.Name}} {{.Runtime}} {{.Networks}}'")?;
        assert_eq!(shown, "tool exec-in front");
        lab.restart_netd()?;
        assert_eq!(page(lab, "web", "http://tool/")?, "program");
        // whatever ends it
        lab.host("kill -KILL $(rnet sandbox inspect -f '{{.NetNS}}' tool | cut -d/ -f3)")?;
        no_sandboxes(lab)?;
        lab.host("kill $(cat /run/pages/pid); rm -r /run/pages")?;
        drop(program.wait_with_output()?);

        for (line, code, words) in [
            ("front -- false", 1, ""),
            ("front -- nonsense", 127, "nonsense"),
            ("front -- /etc/passwd", 126, "/etc/passwd"),
            ("nowhere -- true", 125, "network nowhere not found"),
            ("-p 1.2.3.4:80:80 front -- true", 125, "1.2.3.4"),
        ] {
            let told = lab
                .try_host(&format!("rnet exec-in {line}"))?
                .failure(code)?;
            assert!(told.contains(words), "{told}");
            no_sandboxes(lab)?;
        }
        Ok(())
    })
}

#[test]
fn a_namespace_is_put_on_networks_by_hand() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet network create front; rnet network create back; ip netns add ns")?;
        idle(lab, "c1", "--network front")?;
        let id = lab.host(
            "rnet sandbox create --netns /run/netns/ns --network name=front,alias=shop one",
        )?;
        assert!(reaches(lab, "c1", "shop")?);
        lab.host("rnet network connect back one")?;
        let shown = lab.host("rnet sandbox inspect -f '{{.Id}} {{.NetworkSettings.Networks.back.InterfaceName}}' one")?;
        assert_eq!(shown, format!("{id} eth1"));
        lab.host("rnet network disconnect back one")?;
        assert_eq!(lab.host("rnet sandbox rm one")?, "one");
        assert!(cut_off(lab, "c1", "shop")?);

        lab.host(
            "rnet sandbox create --netns /run/netns/ns --network front again; ip netns delete ns",
        )?;
        assert_eq!(lab.host("rnet sandbox prune -f")?, "again");
        let told = lab.try_host("rnet sandbox rm again")?.failure(1)?;
        assert!(told.contains("sandbox again not found"), "{told}");
        let told = lab
            .try_host("rnet sandbox create --pid 1 --network front host")?
            .failure(1)?;
        assert!(told.contains("host's own network namespace"), "{told}");
        lab.host("umount /run/netns").map(drop)
    })
}

/// Makes a bundle whose container runs `command` on the networks its annotations name.
fn bundle(lab: &Lab, command: &str, annotations: &Value) -> Result<()> {
    let group = lab.control_group();
    lab.host(
        "mkdir -p /run/bundle/rootfs/bin /run/bundle/rootfs/www; cd /run/bundle; runc spec
         for d in proc dev sys etc; do mkdir rootfs/$d; done
         cp $(command -v busybox) rootfs/bin; chroot rootfs /bin/busybox --install -s /bin
         echo bundle >rootfs/www/index.html",
    )?;
    let path = lab.root().join("run/bundle/config.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&path)?)?;
    let program = lab.host("command -v rnet")?;
    let hook = |name: &str| json!([{"path": program, "args": ["rnet", "oci-hook", name]}]);
    config["hooks"] = json!({"createRuntime": hook("createRuntime"), "poststop": hook("poststop")});
    config["annotations"] = annotations.clone();
    config["process"]["args"] = json!(["sh", "-c", command]);
    config["process"]["terminal"] = json!(false);
    config["process"]["capabilities"]["effective"] = json!(["CAP_NET_BIND_SERVICE"]);
    config["linux"]["cgroupsPath"] = json!(format!("/{group}/bundle"));
    fs::write(&path, config.to_string()).with_context(|| format!("cannot write {}", path.display()))
}

#[test]
fn a_container_of_runc_is_attached_by_its_annotations() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet network create front")?;
        idle(lab, "c1", "--network front")?;
        let wanted = json!({
            "rnet.network": "front", "rnet.name": "bundle", "rnet.alias": "shop", "rnet.publish": "8080:80",
        });
        bundle(lab, "exec httpd -f -p '[::]:80' -h /www", &wanted)?;
        lab.host("cd /run/bundle; runc run -d bundle </dev/null >/dev/null 2>&1")?;
        for name in ["bundle", "shop"] {
            assert!(reaches(lab, "c1", name)?, "{name}");
        }
        eventually(|| page(lab, "outside", "http://192.0.2.1:8080/"))?;
        lab.host("runc kill bundle KILL")?;
        eventually(|| lab.host("runc delete bundle"))?;
        no_sandboxes(lab)?;

        // what cannot be keeps the container from starting
        lab.host("cd /run/bundle; sed -i 's/\"rnet.network\":\"front\"/\"rnet.network\":\"nowhere\"/' config.json")?;
        let told = lab.try_host("cd /run/bundle; runc run bundle </dev/null")?;
        assert!(
            told.code != 0 && told.stderr.contains("network nowhere not found"),
            "{told:?}"
        );
        lab.host("rm -r /run/bundle /run/runc").map(drop)
    })
}
