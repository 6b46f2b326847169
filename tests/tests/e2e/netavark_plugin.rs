//! rnet as a plugin of netavark's: called as netavark calls its plugins (plugin-API.md, version 1.0.0).

use anyhow::{Context, Result};
use rnet_tests::{Lab, Ran};
use serde_json::{Value, json};

use crate::{idle, on_lab, page, reaches};

/// Where netavark would find it; the name is the driver.
const PLUGIN: &str = "/run/netavark-plugins/rnet";

fn call(lab: &Lab, command: &str, document: &Value) -> Result<Ran> {
    lab.try_host(&format!("echo '{document}' | {PLUGIN} {command}"))
}

fn answer(lab: &Lab, command: &str, document: &Value) -> Result<Value> {
    let ran = call(lab, command, document)?;
    let told = ran.stdout.clone();
    ran.success().context(told.clone())?;
    serde_json::from_str(&told).context(told)
}

#[test]
fn a_container_is_attached_by_a_plugin_and_nothing_of_it_stays() -> Result<()> {
    on_lab(|lab| {
        let before = lab.contents()?;
        lab.host(&format!(
            "mkdir $(dirname {PLUGIN}); ln -s $(command -v rnet-netavark) {PLUGIN}; ip netns add pod"
        ))?;
        assert_eq!(answer(lab, "info", &json!({}))?["api_version"], "1.0.0");
        let mut network = json!({
            "name": "pods", "id": "ab".repeat(32), "driver": "rnet", "network_interface": "",
            "created": "2024-01-01T00:00:00Z", "ipv6_enabled": false, "internal": false, "dns_enabled": false,
            "subnets": [{"subnet": "10.97.0.0/24"}], "labels": {}, "ipam_options": {"driver": "host-local"},
            "options": {"com.docker.network.driver.mtu": "1400"},
        });
        network = answer(lab, "create", &network)?;
        assert_eq!(network["subnets"][0]["gateway"], "10.97.0.1");
        assert_eq!(network["driver"], "rnet");
        let document = json!({
            "container_id": "cd".repeat(32), "container_name": "web", "network": network,
            "port_mappings": [{"host_ip": "", "host_port": 8080, "container_port": 80, "range": 1, "protocol": "tcp"}],
            "network_options": {"interface_name": "eth0", "static_ips": ["10.97.0.2"], "aliases": ["shop"]},
        });
        for _ in 0..2 {
            let status = answer(lab, "setup /run/netns/pod", &document);
            // a second time the interface is there, and that it stays
            let Ok(status) = status else { continue };
            assert_eq!(
                status["interfaces"]["eth0"]["subnets"][0]["ipnet"],
                "10.97.0.2/24"
            );
            assert_eq!(status["dns_server_ips"][0], "127.0.0.11");
        }
        idle(lab, "own", "--network pods")?;
        for name in ["web", "shop"] {
            assert!(reaches(lab, "own", name)?, "{name}");
        }
        let mtu = lab.host("ip -n pod link show eth0")?;
        assert!(mtu.contains("mtu 1400"), "{mtu}");
        lab.host("mkdir /run/pages; echo pod >/run/pages/index.html; ip netns exec pod busybox httpd -p 80 -h /run/pages")?;
        assert_eq!(page(lab, "outside", "http://192.0.2.1:8080/")?, "pod");

        lab.host("ip netns pids pod | xargs kill; ip netns delete pod")?;
        for _ in 0..2 {
            assert_eq!(
                call(lab, "teardown /run/netns/pod", &document)?.success()?,
                ""
            );
        }
        let mut wrong = document;
        wrong["network"]["options"]["vlan"] = "5".into();
        let refused = call(lab, "setup /run/netns/pod", &wrong)?;
        let told: Value = serde_json::from_str(&refused.stdout)?;
        assert!(
            told["error"]
                .as_str()
                .is_some_and(|it| it.contains("vlan=5")),
            "{told}"
        );
        refused.failure(1)?;
        lab.host("rnet rm -f own; rnet network rm pods; umount /run/netns; rm -r /run/pages /run/netavark-plugins")?;
        lab.assert_nothing_left(&before)
    })
}

#[test]
fn a_network_is_completed_for_podman_without_being_made() -> Result<()> {
    on_lab(|lab| {
        let wish = json!({
            "network": {"name": "pods", "dns_enabled": true},
            "used": {"interfaces": ["podman1"], "names": {"old": "1"}, "subnets": []},
            "options": {"subnet_pools": [{"base": "10.89.0.0/16", "size": 24}], "default_interface_name": "podman"},
        });
        let told = lab.host(&format!("echo '{wish}' | rnet-netavark create"))?;
        let network: Value = serde_json::from_str(&told).context(told)?;
        assert_eq!(network["network_interface"], "podman2");
        assert_eq!(network["subnets"][0]["subnet"], "10.89.0.0/24");
        assert_eq!(lab.host("rnet network ls -q --filter type=custom")?, "");
        Ok(())
    })
}
