//! How fast containers may receive and send: limits in the kernel, counted by what it holds back.

use anyhow::{Context, Result, ensure};
use rnet_tests::{Lab, eventually};
use serde_json::{Value, json};

use crate::chain::{Chain, OURS, install};
use crate::{address, idle, on_lab};

/// What a link's token bucket is, as `tc -s qdisc` shows it.
fn bucket(lab: &Lab, link: &str) -> Result<Value> {
    let shown = lab.host(&format!("tc -s -j qdisc show dev {link}"))?;
    let all: Vec<Value> = serde_json::from_str(&shown).with_context(|| shown.clone())?;
    let bucket = all.into_iter().find(|it| it["kind"] == "tbf");
    bucket.with_context(|| format!("no limit on {link}: {shown}"))
}

/// The host's links that begin so.
fn links(lab: &Lab, prefix: &str) -> Result<Vec<String>> {
    let shown = lab.host("ls /sys/class/net")?;
    let names = shown.split_whitespace();
    Ok(names
        .filter(|it| it.starts_with(prefix))
        .map(str::to_owned)
        .collect())
}

fn only(lab: &Lab, prefix: &str) -> Result<String> {
    let found = links(lab, prefix)?;
    ensure!(found.len() == 1, "{found:?}");
    Ok(found[0].clone())
}

/// How many packets a link's bucket has dropped or let wait.
fn held_back(lab: &Lab, link: &str) -> Result<u64> {
    let bucket = bucket(lab, link)?;
    let count = |key: &str| bucket[key].as_u64().unwrap_or_default();
    Ok(count("drops") + count("overlimits"))
}

/// Several times what a bucket of 100 kB takes at once, in fragments.
fn flood(target: &str) -> String {
    format!("for i in 1 2 3 4 5 6; do busybox ping -c 1 -W 1 -s 60000 {target} & done; wait")
}

#[test]
fn a_container_is_held_to_what_it_may_receive_and_send_and_another_is_not() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet network create --subnet 10.92.0.0/24 slow")?;
        let options = "driver-opt=rnet.ingress_rate=1m,driver-opt=rnet.egress_rate=2m,driver-opt=rnet.egress_burst=800k";
        idle(lab, "limited", &format!("--network name=slow,{options}"))?;
        let (outer, inner) = (only(lab, "veth")?, only(lab, "ifb")?);
        assert_eq!(bucket(lab, &outer)?["options"]["rate"], 125_000);
        assert_eq!(bucket(lab, &inner)?["options"]["rate"], 250_000);
        assert_eq!(bucket(lab, &inner)?["options"]["burst"], 100_000);

        let limited = address(lab, "limited", "slow")?;
        assert_eq!(held_back(lab, &outer)?, 0);
        lab.host(&flood(&limited))?;
        let before = held_back(lab, &inner)?;
        assert!(held_back(lab, &outer)? > 0);
        lab.host(&format!("rnet exec limited sh -c '{}'", flood("10.92.0.1")))?;
        assert!(held_back(lab, &inner)? > before);

        // what is on record is what is there after a restart, once
        lab.restart_netd()?;
        assert_eq!(bucket(lab, &outer)?["options"]["rate"], 125_000);
        let filters = lab.host(&format!(
            "tc filter show dev {outer} ingress | grep -c mirred"
        ))?;
        assert_eq!(filters, "1");

        idle(lab, "free", "--network slow")?;
        assert_eq!(lab.host("tc qdisc | grep -c tbf")?, "2");
        let wrong = lab.try_host(
            "rnet network create two && rnet network connect --driver-opt rnet.ingress_rate=fast two free",
        )?;
        assert!(wrong.failure(1)?.contains("rnet.ingress_rate"));
        lab.host("rnet network connect --driver-opt rnet.egress_rate=1m two free")?;
        assert_eq!(links(lab, "ifb")?.len(), 2);
        lab.host("rnet network disconnect two free; rnet rm -f limited free")?;
        eventually(|| {
            let left = links(lab, "ifb")?;
            ensure!(left.is_empty(), "{left:?}");
            Ok(())
        })
    })
}

#[test]
fn a_pod_is_limited_by_its_runtime_alone_or_by_a_plugin_in_a_chain() -> Result<()> {
    on_lab(|lab| {
        install(lab)?;
        let runtime = json!({"bandwidth": {
            "ingressRate": 1_000_000, "ingressBurst": 800_000, "egressRate": 2_000_000, "egressBurst": 1_600_000,
        }});
        let subnets = json!([{"subnet": "10.93.0.0/24"}]);
        let declared = json!({"bandwidth": true});
        let rnet = json!({"type": "rnet", "subnets": subnets});
        let mut able = rnet.clone();
        able["capabilities"] = declared.clone();
        let bandwidth = json!({"type": "bandwidth", "capabilities": declared});
        for plugins in [vec![able], vec![rnet, bandwidth]] {
            let chained = plugins.len() > 1;
            let chain = Chain {
                version: "1.1.0",
                name: "pods",
                plugins: plugins.into_iter().map(|it| (OURS, it)).collect(),
                runtime: runtime.clone(),
            };
            lab.host("ip netns add pod")?;
            let result = chain.add(lab, "pod")?;
            chain.check(lab, "pod", &result)?;
            let outer = only(lab, "veth")?;
            assert_eq!(result["interfaces"][1]["name"], outer);
            assert_eq!(bucket(lab, &outer)?["options"]["rate"], 125_000);
            assert_eq!(
                bucket(lab, &only(lab, "ifb")?)?["options"]["burst"],
                200_000
            );
            if chained {
                lab.host(&format!("tc qdisc delete dev {outer} root"))?;
            }
            chain.del(lab, "pod", &result)?;
            chain.del(lab, "pod", &result)?;
            lab.host("ip netns delete pod; rnet network rm pods")?;
        }
        lab.host(&format!("umount /run/netns; rm -rf {OURS}"))
            .map(drop)
    })
}
