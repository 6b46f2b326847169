//! Bridges that the host has already, and links that are in the way.

use anyhow::Result;

use crate::{address, idle, on_lab, page, reaches, serve};

const NAME: &str = "com.docker.network.bridge.name";

#[test]
fn a_bridge_of_the_host_is_used_as_it_is_and_outlives_network_and_daemon() -> Result<()> {
    on_lab(|lab| {
        lab.host("ip link add lan0 address 02:00:00:00:00:07 mtu 1450 up type bridge")?;
        lab.host("ip address add 10.7.0.9/24 dev lan0")?;
        lab.host("ip -6 address add fd07::9/64 dev lan0 nodad")?;
        // what the kernel gives it for the link alone comes with its first port
        let state = r#"ip -o address show dev lan0 | grep -v "scope link" | sed 's/ *valid_lft.*//'; ip -d link show lan0 | head -2 | tail -1"#;
        let before = lab.host(state)?;
        lab.host(&format!("rnet network create --ipv6 --opt {NAME}=lan0 lan"))?;
        let subnets = lab.host(
            "rnet network inspect -f '{{range .IPAM.Config}}{{.Subnet}} {{.Gateway}} {{end}}' lan",
        )?;
        assert_eq!(subnets, "10.7.0.0/24 10.7.0.9 fd07::/64 fd07::9 ");
        serve(lab, "c1", "--network lan -p 8080:80")?;
        assert!(
            lab.host("rnet exec c1 ip link show eth0")?
                .contains("mtu 1450")
        );
        assert!(reaches(lab, "c1", "10.7.0.9")? && reaches(lab, "c1", "fd07::9")?);
        for machine in ["outside", "host"] {
            assert_eq!(page(lab, machine, "http://192.0.2.1:8080/")?, "c1");
        }
        assert_eq!(page(lab, "host", "http://127.0.0.1:8080/")?, "c1");
        lab.restart_netd()?;
        assert_eq!(page(lab, "outside", "http://192.0.2.1:8080/")?, "c1");
        lab.host("rnet rm -f c1")?;
        lab.stop_netd()?;
        assert_eq!(lab.host(state)?, before, "the daemon's end");
        lab.start_netd()?;
        lab.host("rnet network rm lan")?;
        assert_eq!(lab.host(state)?, before);
        lab.host("ip link delete lan0").map(drop)
    })
}

#[test]
fn an_adopted_bridge_is_given_the_address_that_was_asked_for_and_loses_only_that() -> Result<()> {
    on_lab(|lab| {
        lab.host("ip link add lan0 up type bridge")?;
        lab.host("ip address add 10.7.0.9/24 dev lan0")?;
        lab.host(&format!(
            "rnet network create --subnet 172.30.0.0/24 --opt {NAME}=lan0 lan"
        ))?;
        idle(lab, "c1", "--network lan")?;
        assert_eq!(address(lab, "c1", "lan")?, "172.30.0.2");
        assert!(reaches(lab, "c1", "172.30.0.1")?);
        lab.host("rnet rm -f c1 && rnet network rm lan")?;
        let left = lab.host("ip -o -4 address show dev lan0")?;
        assert!(
            left.contains("10.7.0.9/24") && !left.contains("172.30."),
            "{left}"
        );
        lab.host("ip link delete lan0").map(drop)
    })
}

#[test]
fn two_networks_never_share_a_bridge_and_no_link_but_a_bridge_is_one() -> Result<()> {
    on_lab(|lab| {
        lab.host("ip link add lan0 up type bridge && ip link add ve0 type veth peer name ve1")?;
        lab.host(&format!("rnet network create --opt {NAME}=lan0 lan"))?;
        for (bridge, words) in [
            ("lan0", "networks have same bridge name lan0"),
            ("rnet0", "networks have same bridge name rnet0"),
            ("ve0", "interface ve0 is no bridge"),
            ("lo", "interface lo is no bridge"),
        ] {
            let line = format!("rnet network create --opt {NAME}={bridge} other");
            let refusal = lab.try_host(&line)?.failure(1)?;
            assert!(refusal.contains(words), "{refusal}");
        }
        lab.host("rnet network rm lan && ip link delete lan0 && ip link delete ve0")
            .map(drop)
    })
}

#[test]
fn a_bridge_of_others_under_the_default_name_is_in_the_way() -> Result<()> {
    on_lab(|lab| {
        lab.stop_netd()?;
        lab.host("ip link add rnet0 type bridge")?;
        let ran = lab.try_host("netd --state-dir /var/lib/other --run-dir /run/other")?;
        let refusal = ran.failure(1)?;
        assert!(
            refusal.contains("interface rnet0 is in the way"),
            "{refusal}"
        );
        lab.host("ip link delete rnet0; rm -r /var/lib/other /run/other")?;
        lab.start_netd()
    })
}

#[test]
fn a_bridge_that_somebody_removed_is_made_again_when_it_is_used() -> Result<()> {
    on_lab(|lab| {
        lab.host(&format!("rnet network create --opt {NAME}=shop shop"))?;
        idle(lab, "c1", "--network shop")?;
        lab.host("ip link delete shop")?;
        idle(lab, "c2", "--network shop")?;
        assert!(reaches(lab, "c2", "c1")? && reaches(lab, "c1", "c2")?);
        lab.host("rnet rm -f c1 c2 && ip link delete shop && rnet network rm shop")
            .map(drop)
    })
}

#[test]
fn an_adopted_bridge_that_is_gone_is_told_by_its_name() -> Result<()> {
    on_lab(|lab| {
        lab.host("ip link add lan0 up type bridge")?;
        lab.host(&format!("rnet network create --opt {NAME}=lan0 lan"))?;
        lab.host("ip link delete lan0")?;
        let line = "rnet run --rm --network lan busybox true";
        let refusal = lab.try_host(line)?.stderr;
        assert!(refusal.contains("lan0"), "{refusal}");
        lab.restart_netd()?;
        lab.host("ip link add lan0 up type bridge")?;
        lab.host(line)?;
        lab.host("rnet network rm lan && ip link delete lan0")
            .map(drop)
    })
}
