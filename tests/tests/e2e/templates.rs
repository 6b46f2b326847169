//! Networks made from templates, and the options that templates and the daemon give.

use anyhow::Result;

use crate::{address, on_lab, page, serve};

#[test]
fn a_network_of_a_template_works_as_if_it_had_been_asked_for() -> Result<()> {
    on_lab(|lab| {
        lab.host(
            "rnet network create --config-only --subnet 172.25.0.0/16 --ip-range 172.25.7.0/24 \
             --label tier=front --opt com.docker.network.driver.mtu=1400 --ipv6 conf",
        )?;
        lab.host("rnet network create --config-from conf shop")?;
        serve(lab, "c1", "--network shop -p 8080:80")?;
        assert!(address(lab, "c1", "shop")?.starts_with("172.25.7."));
        assert!(
            lab.host("rnet exec c1 ip link show eth0")?
                .contains("mtu 1400")
        );
        assert_eq!(page(lab, "outside", "http://192.0.2.1:8080/")?, "c1");
        let shown =
            "rnet network inspect -f '{{.ConfigOnly}} {{.ConfigFrom.Network}} {{.Labels.tier}}'";
        assert_eq!(
            lab.host(&format!("{shown} shop conf"))?,
            "false conf front\ntrue  front"
        );
        let refusal = lab.try_host("rnet network rm conf")?.failure(1)?;
        assert!(
            refusal.contains("configuration network \"conf\" is in use"),
            "{refusal}"
        );
        lab.host("rnet rm -f c1")?;
        lab.host("rnet network rm -f shop conf missing").map(drop)
    })
}

#[test]
fn what_only_several_hosts_have_is_refused_clearly() -> Result<()> {
    on_lab(|lab| {
        for flags in ["--ingress", "--scope swarm"] {
            let line = format!("rnet network create {flags} n");
            let refusal = lab.try_host(&line)?.failure(1)?;
            assert!(
                refusal.contains("of networks that several hosts share"),
                "{refusal}"
            );
        }
        lab.host("rnet network create --attachable --scope local n")
            .map(drop)
    })
}

#[test]
fn every_network_has_the_options_the_daemon_was_given() -> Result<()> {
    on_lab(|lab| {
        lab.stop_netd()?;
        lab.start_netd_with(
            "--default-network-opt bridge=com.docker.network.driver.mtu=1300 \
             --default-network-opt bridge=com.docker.network.enable_ipv6=true",
        )?;
        lab.host("rnet network create plain")?;
        lab.host("rnet network create --opt com.docker.network.driver.mtu=1350 own")?;
        let mtu = |network: &str| {
            lab.host(&format!(
                "ip link show br-$(rnet network inspect -f '{{{{slice .Id 0 12}}}}' {network})"
            ))
        };
        assert!(mtu("plain")?.contains("mtu 1300"));
        assert!(mtu("own")?.contains("mtu 1350"));
        let ipv6 = lab.host("rnet network inspect -f '{{.EnableIPv6}}' plain")?;
        assert_eq!(ipv6, "true");
        lab.stop_netd()?;
        lab.start_netd()
    })
}
