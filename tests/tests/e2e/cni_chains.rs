//! Chains of CNI plugins: rnet under the names of the reference plugins, and beside those themselves.

use anyhow::Result;
use rnet_tests::{Lab, eventually};
use serde_json::{Value, json};

use crate::chain::{Chain, OURS, THEIRS, install};
use crate::{idle, is_shut, on_lab, page, reaches};

/// What nerdctl and podman write.
fn bridge(directory: &'static str) -> (&'static str, Value) {
    let ipam = json!({
        "type": "host-local",
        "ranges": [[{"subnet": "10.4.0.0/24", "gateway": "10.4.0.1"}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    });
    let bridge = json!({
        "type": "bridge", "bridge": "nerdctl0", "isGateway": true, "ipMasq": true, "hairpinMode": true, "ipam": ipam,
    });
    (directory, bridge)
}

fn rnet() -> (&'static str, Value) {
    (
        OURS,
        json!({"type": "rnet", "subnets": [{"subnet": "10.4.0.0/24"}, {"subnet": "fd04::/64"}]}),
    )
}

fn portmap(directory: &'static str) -> (&'static str, Value) {
    (
        directory,
        json!({"type": "portmap", "capabilities": {"portMappings": true}}),
    )
}

fn tuning(directory: &'static str) -> (&'static str, Value) {
    // CHECK of the other one does not know what IFNAME stands for
    let link = if directory == OURS { "IFNAME" } else { "eth0" };
    let arp_filter = format!("net.ipv4.conf.{link}.arp_filter");
    let sysctl = json!({"net.core.somaxconn": "500", arp_filter: "1"});
    (
        directory,
        json!({"type": "tuning", "sysctl": sysctl, "mtu": 1400, "mac": "02:00:00:00:00:77"}),
    )
}

fn runtime() -> Value {
    json!({"portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}], "aliases": {"pods": ["shop"]}})
}

/// A namespace in which a web server tells its name.
fn pod(lab: &Lab, name: &str) -> Result<()> {
    lab.host(&format!("ip netns add {name}")).map(drop)
}

fn serve(lab: &Lab, name: &str) -> Result<()> {
    lab.host(&format!(
        "mkdir -p /run/pages; echo {name} >/run/pages/index.html; \
         ip netns exec {name} busybox httpd -p 80 -h /run/pages"
    ))
    .map(drop)
}

fn put_away(lab: &Lab, name: &str) -> Result<()> {
    lab.host(&format!(
        "ip netns pids {name} | xargs -r kill; ip netns delete {name}; umount /run/netns; \
         rm -rf /run/pages {OURS} /var/lib/cni /run/cni"
    ))
    .map(drop)
}

fn tuned(lab: &Lab, name: &str) -> Result<String> {
    lab.host(&format!(
        "ip netns exec {name} sh -c 'cat /proc/sys/net/core/somaxconn /proc/sys/net/ipv4/conf/eth0/arp_filter; \
         ip -brief link show eth0; ip -o link show eth0' | grep -o -e '^[0-9]*$' -e 02:00:00:00:00:77 -e 'mtu [0-9]*' | sort -u"
    ))
}

#[test]
fn a_list_of_reference_plugins_is_done_by_rnet_in_every_version() -> Result<()> {
    on_lab(|lab| {
        install(lab)?;
        for version in ["0.3.1", "0.4.0", "1.0.0", "1.1.0"] {
            let chain = Chain {
                version,
                name: "pods",
                plugins: vec![
                    (OURS, json!({"type": "loopback"})),
                    bridge(OURS),
                    portmap(OURS),
                    (
                        OURS,
                        json!({"type": "firewall", "ingressPolicy": "same-bridge"}),
                    ),
                    tuning(OURS),
                    (
                        OURS,
                        json!({"type": "dnsname", "domainName": "dns.podman", "capabilities": {"aliases": true}}),
                    ),
                ],
                runtime: runtime(),
            };
            pod(lab, "pod")?;
            let result = chain.add(lab, "pod")?;
            assert_eq!(result["cniVersion"], version);
            assert_eq!(result["interfaces"][0]["name"], "lo");
            assert_eq!(result["interfaces"][1]["mac"], "02:00:00:00:00:77");
            assert_eq!(result["ips"][2]["address"], "10.4.0.2/24");
            serve(lab, "pod")?;
            for machine in ["host", "outside"] {
                assert_eq!(page(lab, machine, "http://192.0.2.1:8080/")?, "pod");
            }
            idle(lab, "own", "--network pods")?;
            for name in ["pod", "shop"] {
                assert!(reaches(lab, "own", name)?, "{name}");
            }
            // what was tuned is what netd knows, and stays so
            lab.restart_netd()?;
            let found = tuned(lab, "pod")?;
            assert_eq!(found, "02:00:00:00:00:77\n1\n500\nmtu 1400");
            if version != "0.3.1" {
                chain.check(lab, "pod", &result)?;
            }
            chain.del(lab, "pod", &result)?;
            chain.del(lab, "pod", &result)?;
            assert!(is_shut(lab, "outside", "http://192.0.2.1:8080/"));
            lab.host("rnet rm -f own; rnet network rm pods")?;
            lab.host("ip netns pids pod | xargs -r kill; ip netns delete pod")?;
        }
        lab.host(&format!("umount /run/netns; rm -rf /run/pages {OURS}"))
            .map(drop)
    })
}

#[test]
fn the_reference_plugins_go_on_where_rnet_has_attached() -> Result<()> {
    on_lab(|lab| {
        install(lab)?;
        for version in ["0.3.1", "0.4.0", "1.0.0"] {
            let bandwidth =
                json!({"type": "bandwidth", "ingressRate": 1_000_000, "ingressBurst": 1_000_000});
            let mut plugins = vec![rnet(), portmap(THEIRS), tuning(THEIRS), (THEIRS, bandwidth)];
            if version == "0.3.1" {
                plugins.insert(0, (THEIRS, json!({"type": "loopback"})));
            }
            let of = |plugins| Chain {
                version,
                name: "pods",
                plugins,
                runtime: runtime(),
            };
            // CHECK of this portmap (1.1.1) looks for the rules of IPv4 among those of IPv6
            let ours_and_others = |it: &&(_, Value)| it.1["type"] != "portmap";
            let checked = of(plugins.iter().filter(ours_and_others).cloned().collect());
            let chain = of(plugins);
            pod(lab, "pod")?;
            let result = chain.add(lab, "pod")?;
            let interfaces = result["interfaces"].to_string();
            assert!(
                interfaces.contains("eth0") && interfaces.contains("veth"),
                "{result}"
            );
            serve(lab, "pod")?;
            for machine in ["host", "outside"] {
                assert_eq!(page(lab, machine, "http://192.0.2.1:8080/")?, "pod");
            }
            let found = tuned(lab, "pod")?;
            assert_eq!(found, "02:00:00:00:00:77\n1\n500\nmtu 1400");
            assert!(lab.host("tc qdisc")?.contains("tbf"));
            if version != "0.3.1" {
                checked.check(lab, "pod", &result)?;
            }
            chain.del(lab, "pod", &result)?;
            lab.host(
                "ip netns pids pod | xargs -r kill; ip netns delete pod; rnet network rm pods",
            )?;
        }
        eventually(|| {
            let links = lab.host("ip -brief link")?;
            anyhow::ensure!(!links.contains("veth"), "{links}");
            Ok(())
        })?;
        crate::end_ipv6_forwarding(lab)?;
        lab.host(&format!(
            "umount /run/netns; rm -rf /run/pages {OURS} /var/lib/cni /run/cni; nft delete table ip nat; \
             nft delete table ip6 nat"
        ))
        .map(drop)
    })
}

#[test]
fn a_plugin_behind_one_that_is_not_rnet_s_says_so() -> Result<()> {
    on_lab(|lab| {
        install(lab)?;
        pod(lab, "pod")?;
        let before = lab.contents()?;
        for (plugin, words) in [
            (portmap(OURS), "is not rnet's"),
            ((OURS, json!({"type": "firewall"})), "is not rnet's"),
            (
                (
                    OURS,
                    json!({"type": "firewall", "firewalldZone": "trusted"}),
                ),
                "firewalldZone",
            ),
            (
                (OURS, json!({"type": "portmap", "masqAll": true})),
                "masqAll",
            ),
            (
                (
                    OURS,
                    json!({"type": "tuning", "sysctl": {"kernel.panic": "1"}}),
                ),
                "kernel.panic",
            ),
            ((OURS, json!({"type": "tuning", "colour": "red"})), "colour"),
        ] {
            let chain = Chain {
                version: "1.0.0",
                name: "pods",
                plugins: vec![(OURS, json!({"type": "loopback"})), plugin],
                runtime: runtime(),
            };
            let refused = chain.add(lab, "pod").expect_err("it is refused");
            let told = format!("{refused:#}");
            assert!(told.contains(words), "{told}");
        }
        lab.assert_nothing_left(&before)?;
        put_away(lab, "pod")
    })
}

#[test]
fn another_s_bridge_is_given_addresses_by_rnet_and_tuned_by_it_without_netd() -> Result<()> {
    on_lab(|lab| {
        install(lab)?;
        lab.kill_netd()?;
        let range =
            json!({"subnet": "10.5.0.0/24", "rangeStart": "10.5.0.10", "rangeEnd": "10.5.0.11"});
        let ipam = json!({"type": "host-local", "ranges": [[range]]});
        let sysctl = json!({"net.core.somaxconn": "500"});
        let chain = Chain {
            version: "1.0.0",
            name: "theirs",
            plugins: vec![
                (
                    THEIRS,
                    json!({"type": "bridge", "bridge": "theirs0", "isGateway": true, "ipam": ipam}),
                ),
                (
                    OURS,
                    json!({"type": "tuning", "sysctl": sysctl, "promisc": true}),
                ),
            ],
            runtime: json!({}),
        };
        let address = |result: &Value| result["ips"][0]["address"].to_string();
        for name in ["one", "two", "three"] {
            pod(lab, name)?;
        }
        let one = chain.add(lab, "one")?;
        let two = chain.add(lab, "two")?;
        assert_eq!(
            (address(&one), address(&two)),
            (r#""10.5.0.10/24""#.into(), r#""10.5.0.11/24""#.into())
        );
        let full = format!("{:#}", chain.add(lab, "three").expect_err("there are two"));
        assert!(full.contains("no address is free"), "{full}");
        // what failed half-way is undone by its runtime
        chain.del(lab, "three", &two)?;
        let found = lab.host(
            "ip netns exec one cat /proc/sys/net/core/somaxconn; ip -n one -d link show eth0",
        )?;
        assert!(
            found.contains("500") && found.contains("promiscuity 1"),
            "{found}"
        );
        chain.check(lab, "one", &one)?;
        chain.del(lab, "one", &one)?;
        assert_eq!(address(&chain.add(lab, "three")?), r#""10.5.0.10/24""#);
        for name in ["two", "three"] {
            chain.del(lab, name, &two)?;
        }
        let left = lab.host("ls /var/lib/cni/networks/theirs")?;
        assert_eq!(left, "last_reserved_ip.0");
        lab.host(&format!(
            "ip link delete theirs0; for it in one two three; do ip netns delete $it; done; umount /run/netns; \
             rm -r {OURS} /var/lib/cni"
        ))?;
        lab.start_netd()
    })
}
