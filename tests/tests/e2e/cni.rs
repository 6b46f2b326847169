//! Containers of other runtimes, which come by CNI, on one network with rnet's own.

use anyhow::{Context, Result, ensure};
use rnet_tests::{Lab, Ran, eventually};
use serde_json::Value;

use crate::{address, idle, on_lab, page, reaches, serve};

/// A configuration of version 1.1.0 with the network `pods` and these members more.
fn config(more: &str) -> String {
    format!(
        r#"{{"cniVersion":"1.1.0","name":"pods","type":"rnet","subnets":[{{"subnet":"10.77.0.0/16"}},{{"subnet":"fd77::/64"}}]{more}}}"#
    )
}

/// Calls the plugin for the interface eth0 of a container whose namespace has its name.
fn call(lab: &Lab, command: &str, container: &str, config: &str) -> Result<Ran> {
    lab.try_host(&format!(
        "echo '{config}' | CNI_COMMAND={command} CNI_CONTAINERID={container} CNI_IFNAME=eth0 \
         CNI_NETNS=/run/netns/{container} CNI_PATH=/nowhere CNI_ARGS='IgnoreUnknown=1;K8S_POD_NAME={container}' rnet-cni"
    ))
}

fn add(lab: &Lab, container: &str, more: &str) -> Result<Value> {
    lab.host(&format!("ip netns add {container}"))?;
    let told = call(lab, "ADD", container, &config(more))?.success()?;
    serde_json::from_str(&told).context(told)
}

/// The code of a refusal, and its sentence.
fn refusal(ran: Ran) -> Result<(u64, String)> {
    let told = ran.stdout.clone();
    ran.failure(1)?;
    let error: Value = serde_json::from_str(&told).context(told)?;
    let message = error["msg"].as_str().unwrap_or_default().to_owned();
    Ok((error["code"].as_u64().context("no code")?, message))
}

/// Whether a container that is none of rnet's gets an answer to a ping.
fn guest_reaches(lab: &Lab, guest: &str, target: &str) -> Result<bool> {
    let line = format!("ip netns exec {guest} busybox ping -c 1 -W 1 {target}");
    Ok(lab.try_host(&line)?.code == 0)
}

#[test]
fn a_pod_and_a_container_reach_and_resolve_each_other_and_nothing_of_the_pod_stays() -> Result<()> {
    on_lab(|lab| {
        let before = lab.contents()?;
        let ports = r#","runtimeConfig":{"portMappings":[{"hostPort":8080,"containerPort":80,"protocol":"tcp"}],"aliases":["shop"]}"#;
        let result = add(lab, "pod", ports)?;
        assert_eq!(result["interfaces"][0]["name"], "eth0");
        assert_eq!(result["ips"][0]["address"], "10.77.0.2/16");
        assert_eq!(result["ips"][1]["address"], "fd77::2/64");
        assert_eq!(result["routes"][0]["gw"], "10.77.0.1");
        assert_eq!(result["dns"]["nameservers"][0], "127.0.0.11");

        serve(lab, "web", "--network pods")?;
        let web = address(lab, "web", "pods")?;
        assert!(guest_reaches(lab, "pod", &web)?);
        for name in ["pod", "shop"] {
            assert!(reaches(lab, "web", name)?, "{name}");
        }
        let asked = lab.host("ip netns exec pod busybox nslookup -type=a web 127.0.0.11")?;
        assert!(asked.contains(&web), "{asked}");

        lab.host(
            "mkdir /run/pages; echo pod >/run/pages/index.html; \
             ip netns exec pod busybox httpd -p '[::]:80' -h /run/pages",
        )?;
        for machine in ["host", "outside"] {
            assert_eq!(page(lab, machine, "http://192.0.2.1:8080/")?, "pod");
        }
        assert_eq!(call(lab, "CHECK", "pod", &config(""))?.success()?, "");

        lab.restart_netd()?;
        assert_eq!(page(lab, "outside", "http://192.0.2.1:8080/")?, "pod");
        assert!(reaches(lab, "web", "shop")?);

        lab.host("rnet rm -f web; ip netns pids pod | xargs kill; rm -r /run/pages")?;
        for _ in 0..2 {
            assert_eq!(call(lab, "DEL", "pod", &config(""))?.success()?, "");
        }
        lab.host("ip netns delete pod; rnet network rm pods; umount /run/netns")?;
        lab.assert_nothing_left(&before)
    })
}

#[test]
fn what_a_dead_runtime_left_is_collected() -> Result<()> {
    on_lab(|lab| {
        for container in ["one", "two", "three"] {
            add(lab, container, "")?;
        }
        let valid = r#","cni.dev/valid-attachments":[{"containerID":"one","ifname":"eth0"}]"#;
        let collect = format!(
            "echo '{}' | CNI_COMMAND=GC CNI_PATH=/nowhere rnet-cni",
            config(valid)
        );
        assert_eq!(lab.host(&collect)?, "");
        let links = "ip netns exec two ip -brief link";
        eventually(|| {
            ensure!(!lab.host(links)?.contains("eth0"));
            Ok(())
        })?;
        assert_eq!(call(lab, "CHECK", "one", &config(""))?.success()?, "");
        let (code, message) = refusal(call(lab, "CHECK", "two", &config(""))?)?;
        assert!(code == 3 && message.contains("two"), "{code} {message}");

        // a namespace that went without a word, while no daemon was there
        lab.kill_netd()?;
        lab.host("ip netns delete one")?;
        lab.start_netd()?;
        let (code, _) = refusal(call(lab, "CHECK", "one", &config(""))?)?;
        assert_eq!(code, 3);
        lab.host("ip netns delete two; ip netns delete three; umount /run/netns")
            .map(drop)
    })
}

#[test]
fn what_is_wrong_has_its_code_and_changes_nothing() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet network create --subnet 10.78.0.0/16 other")?;
        idle(lab, "taken", "--network other --ip 10.78.0.9 -p 8080:80")?;
        lab.host("ip netns add pod")?;
        let before = lab.contents()?;
        for (command, config, code, words) in [
            (
                "ADD",
                r#"{"cniVersion":"9.9.9","name":"n"}"#.to_owned(),
                1,
                "9.9.9",
            ),
            ("ADD", "nonsense".to_owned(), 6, "network configuration"),
            ("FLY", config(""), 4, "FLY"),
            (
                "ADD",
                config(r#","network":"nowhere""#),
                7,
                "network nowhere not found",
            ),
            (
                "ADD",
                config(r#","socket":"/run/nowhere.sock""#),
                11,
                "/run/nowhere.sock",
            ),
            (
                "STATUS",
                config(r#","socket":"/run/nowhere.sock""#),
                50,
                "/run/nowhere.sock",
            ),
            ("GC", config(""), 7, "valid-attachments"),
            ("ADD", config(r#","runtimeConfig":{"ips":["x"]}"#), 7, "x"),
            (
                "ADD",
                config(r#","network":"other","runtimeConfig":{"ips":["10.78.0.9/16"]}"#),
                100,
                "10.78.0.9",
            ),
            (
                "ADD",
                config(
                    r#","network":"other","runtimeConfig":{"portMappings":[{"hostPort":8080,"containerPort":1}]}"#,
                ),
                102,
                "8080",
            ),
            (
                "ADD",
                config(r#","network":"other","runtimeConfig":{"bandwidth":{"ingressBurst":1000}}"#),
                7,
                "rnet.ingress_burst",
            ),
            ("ADD", config(r#","colour":"red""#), 2, "colour"),
        ] {
            let (found, message) = refusal(call(lab, command, "pod", &config)?)?;
            assert!(
                found == code && message.contains(words),
                "{found} {message}"
            );
        }
        assert_eq!(call(lab, "STATUS", "pod", &config(""))?.success()?, "");
        let told = call(lab, "VERSION", "pod", r#"{"cniVersion":"1.0.0"}"#)?.success()?;
        assert!(told.contains(r#""supportedVersions":["0.3.0","#), "{told}");
        lab.assert_nothing_left(&before)?;

        // an interface of that name that is not rnet's
        lab.host("ip -n pod link add eth0 type veth peer name other")?;
        let (_, message) = refusal(call(lab, "ADD", "pod", &config(r#","network":"other""#))?)?;
        assert!(message.contains("eth0"), "{message}");
        lab.assert_nothing_left(&before)?;
        lab.host("ip netns delete pod; umount /run/netns").map(drop)
    })
}
