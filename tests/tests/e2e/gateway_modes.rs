//! What reaches containers at their own addresses, and as whom they leave, by the options of their network.

use anyhow::Result;
use rnet_tests::{WHOAMI, eventually};

use crate::{address, end, end_ipv6_forwarding, idle, is_shut, on_lab, page, serve};

const OPTION: &str = "com.docker.network.bridge";

/// Whether the machine outside gets an answer to a ping of a container's own address.
fn pinged(lab: &rnet_tests::Lab, target: &str) -> Result<bool> {
    // the first may be lost, on a bridge that has not noticed its port yet
    let ran = lab.try_outside(&format!("busybox ping -c 3 -W 1 {target}"))?;
    Ok(ran.code == 0)
}

#[test]
fn by_default_a_container_is_not_reached_at_its_own_address_nor_the_loopback_from_outside()
-> Result<()> {
    on_lab(|lab| {
        serve(lab, "c1", "-p 8080:80 -p 127.0.0.1:8081:80")?;
        let own = address(lab, "c1", "bridge")?;
        assert_eq!(page(lab, "outside", "http://192.0.2.1:8080/")?, "c1");
        // the machine outside routes all of it to the lab host
        assert!(is_shut(lab, "outside", &format!("http://{own}/")));
        assert!(!pinged(lab, &own)?);
        assert_eq!(page(lab, "host", "http://127.0.0.1:8081/")?, "c1");
        assert!(is_shut(lab, "outside", "http://192.0.2.1:8081/"));
        lab.outside("echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet")?;
        lab.outside("ip address del 127.0.0.1/8 dev lo")?;
        lab.outside("ip route add 127.0.0.1 via 192.0.2.1 src 192.0.2.2")?;
        assert!(is_shut(lab, "outside", "http://127.0.0.1:8081/"));
        Ok(())
    })
}

#[test]
fn a_routed_network_is_reached_at_the_published_ports_of_its_containers_and_by_ping() -> Result<()>
{
    on_lab(|lab| {
        lab.host(&format!(
            "rnet network create --ipv6 --subnet 172.25.0.0/24 --subnet fd25::/64 \
             --opt {OPTION}.gateway_mode_ipv4=routed --opt {OPTION}.gateway_mode_ipv6=routed far"
        ))?;
        let flags = "--network far --ip 172.25.0.9 --ip6 fd25::9";
        serve(lab, "c1", &format!("{flags} -p 8080:80"))?;
        for own in ["172.25.0.9", "[fd25::9]"] {
            assert_eq!(page(lab, "outside", &format!("http://{own}/"))?, "c1");
        }
        assert!(pinged(lab, "172.25.0.9")?);
        assert!(pinged(lab, "fd25::9")?);
        assert!(is_shut(lab, "outside", "http://192.0.2.1:8080/"));
        assert_eq!(page(lab, "c1", WHOAMI)?, "you are 172.25.0.9");

        lab.host("rnet rm -f c1")?;
        serve(lab, "c2", flags)?;
        assert!(is_shut(lab, "outside", "http://172.25.0.9/"));
        assert!(is_shut(lab, "outside", "http://[fd25::9]/"));
        Ok(())
    })
}

#[test]
fn an_unprotected_network_is_reached_at_every_port_in_its_family() -> Result<()> {
    on_lab(|lab| {
        let subnets = "--ipv6 --subnet 172.25.0.0/24 --subnet fd25::/64";
        for (family, open, shut) in [
            ("ipv4", "172.25.0.9", "[fd25::9]"),
            ("ipv6", "[fd25::9]", "172.25.0.9"),
        ] {
            lab.host(&format!(
                "rnet network create {subnets} --opt {OPTION}.gateway_mode_{family}=nat-unprotected open"
            ))?;
            serve(lab, "c1", "--network open --ip 172.25.0.9 --ip6 fd25::9")?;
            assert_eq!(page(lab, "outside", &format!("http://{open}/"))?, "c1");
            assert!(
                is_shut(lab, "outside", &format!("http://{shut}/")),
                "{family}"
            );
            assert_eq!(page(lab, "c1", WHOAMI)?, "you are 192.0.2.1");
            lab.host("rnet rm -f c1 && rnet network rm open")?;
        }
        end_ipv6_forwarding(lab)
    })
}

#[test]
fn an_isolated_network_has_no_address_of_the_host_and_only_an_internal_one_can_be() -> Result<()> {
    on_lab(|lab| {
        let mode = format!("--opt {OPTION}.gateway_mode_ipv4=isolated");
        let refused = lab.try_host(&format!("rnet network create {mode} alone"))?;
        assert!(refused.failure(1)?.contains("gateway mode 'isolated'"));
        lab.host(&format!(
            "rnet network create --internal --subnet 172.25.0.0/24 {mode} --opt {OPTION}.name=alone0 alone"
        ))?;
        serve(lab, "c1", "--network alone --ip 172.25.0.9")?;
        idle(lab, "c2", "--network alone")?;
        assert_eq!(address(lab, "c2", "alone")?, "172.25.0.1", "nobody has it");
        assert_eq!(page(lab, "c2", "http://c1/")?, "c1");
        assert_eq!(lab.host("ip -4 -o address show dev alone0")?, "");
        assert!(is_shut(lab, "host", "http://172.25.0.9/"));
        Ok(())
    })
}

#[test]
fn what_leaves_takes_the_addresses_that_the_network_was_given() -> Result<()> {
    on_lab(|lab| {
        lab.host("ip address add 192.0.2.7/24 dev eth0")?;
        // nobody takes it who is not told to
        lab.host("ip address add 2001:db8::7/64 dev eth0 nodad preferred_lft 0")?;
        let options = ["host_ipv4=192.0.2.7", "host_ipv6=2001:db8::7"];
        let options = options.map(|it| format!("--opt com.docker.network.{it}"));
        lab.host(&format!(
            "rnet network create --ipv6 {} shop",
            options.join(" ")
        ))?;
        lab.host("rnet network create --ipv6 plain")?;
        idle(lab, "c1", "--network shop")?;
        idle(lab, "c2", "--network plain")?;
        assert_eq!(page(lab, "c1", WHOAMI)?, "you are 192.0.2.7");
        assert_eq!(page(lab, "c2", WHOAMI)?, "you are 192.0.2.1");
        let pages = lab.directory().join("pages");
        lab.serve_outside(&format!(
            "busybox httpd -f -p [2001:db8::2]:80 -h {}",
            pages.display()
        ))?;
        // it tells the end of an address
        let whoami = "http://[2001:db8::2]/cgi-bin/whoami";
        eventually(|| lab.host(&format!("busybox wget -qO- {whoami}")))?;
        assert_eq!(page(lab, "c1", whoami)?, "you are 7");
        assert_eq!(page(lab, "c2", whoami)?, "you are 1");
        end(lab, "httpd -f -p .2001:db8::2.:80")?;
        lab.host("ip address del 192.0.2.7/24 dev eth0 && ip address del 2001:db8::7/64 dev eth0")?;
        end_ipv6_forwarding(lab)
    })
}

#[test]
fn a_trusted_interface_leads_to_the_published_ports_of_the_containers_themselves() -> Result<()> {
    on_lab(|lab| {
        for (network, subnet, trusted) in [("front", 25, "eth0"), ("back", 26, "eth9")] {
            lab.host(&format!(
                "rnet network create --subnet 172.{subnet}.0.0/24 \
                 --opt {OPTION}.trusted_host_interfaces=vpn0:{trusted} {network}"
            ))?;
            let own = format!("--network {network} --ip 172.{subnet}.0.9");
            serve(lab, network, &format!("{own} -p 80{subnet}:80"))?;
        }
        assert_eq!(page(lab, "outside", "http://172.25.0.9/")?, "front");
        assert_eq!(page(lab, "outside", "http://192.0.2.1:8025/")?, "front");
        assert!(is_shut(lab, "outside", "http://172.26.0.9/"));
        assert_eq!(page(lab, "outside", "http://192.0.2.1:8026/")?, "back");
        Ok(())
    })
}
