//! Published ports: who reaches them, and who cannot have them.

use anyhow::Result;
use rnet_tests::eventually;

use crate::{end, idle, is_shut, on_lab, page, serve};

#[test]
fn a_published_port_is_reached_from_everywhere() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet network create other")?;
        serve(lab, "c1", "-p 8080:80")?;
        idle(lab, "neighbour", "")?;
        idle(lab, "stranger", "--network other")?;
        for machine in ["outside", "host", "neighbour", "stranger", "c1"] {
            assert_eq!(
                page(lab, machine, "http://192.0.2.1:8080/")?,
                "c1",
                "{machine}"
            );
        }
        assert_eq!(page(lab, "host", "http://127.0.0.1:8080/")?, "c1");
        lab.host("rnet rm -f c1")?;
        assert!(is_shut(lab, "outside", "http://192.0.2.1:8080/"));
        Ok(())
    })
}

#[test]
fn bridged_frames_that_pass_the_host_s_packet_filter_change_nothing() -> Result<()> {
    on_lab(|lab| {
        let switch = "/proc/sys/net/bridge/bridge-nf-call-iptables";
        if lab.try_host(&format!("echo 1 >{switch}"))?.code != 0 {
            println!("this kernel has no br_netfilter: nothing to pass");
            return Ok(());
        }
        lab.host("rnet network create other")?;
        serve(lab, "c1", "-p 8080:80")?;
        idle(lab, "neighbour", "")?;
        idle(lab, "stranger", "--network other")?;
        for machine in ["outside", "host", "neighbour", "stranger", "c1"] {
            assert_eq!(
                page(lab, machine, "http://192.0.2.1:8080/")?,
                "c1",
                "{machine}"
            );
        }
        lab.host(&format!("echo 0 >{switch}")).map(drop)
    })
}

#[test]
fn a_port_can_be_left_to_the_kernel_or_be_one_of_a_range() -> Result<()> {
    on_lab(|lab| {
        serve(lab, "c1", "-p 80 -p 9000-9002:8000-8002")?;
        let port = lab.host("rnet port c1 80 | head -1 | sed s/.*://")?;
        assert_eq!(
            page(lab, "outside", &format!("http://192.0.2.1:{port}/"))?,
            "c1"
        );
        assert!(
            lab.host("rnet port c1")?
                .contains("8002/tcp -> 0.0.0.0:9002")
        );
        Ok(())
    })
}

#[test]
fn datagrams_find_their_way_in_and_back() -> Result<()> {
    on_lab(|lab| {
        idle(lab, "c1", "-p 53:53/udp")?;
        let sandbox = lab.host("rnet inspect -f '{{.NetworkSettings.SandboxKey}}' c1")?;
        lab.host(&format!(
            "nsenter --net={sandbox} rnet-lab name-server 0.0.0.0 >/dev/null 2>&1 &"
        ))?;
        let ask = "busybox nslookup -type=a www.example 192.0.2.1";
        assert!(eventually(|| lab.outside(ask))?.contains("203.0.113.7"));
        end(lab, "name-server 0.0.0.0")
    })
}

#[test]
fn a_port_that_is_taken_is_refused_and_nothing_is_left_of_the_attempt() -> Result<()> {
    on_lab(|lab| {
        serve(lab, "c1", "-p 8080:80")?;
        let error = lab
            .try_host("rnet run -d --name c2 -p 8080:80 busybox sleep 9")?
            .failure(125)?;
        assert!(error.contains("port is already allocated"), "{error}");
        lab.host("busybox httpd -p 8081 -h /tmp")?;
        let error = lab
            .try_host("rnet run -d --name c3 -p 8081:80 busybox sleep 9")?
            .failure(125)?;
        assert!(error.contains("8081"), "{error}");
        end(lab, "httpd -p 8081")?;
        lab.host("rnet rm c2 c3")?;
        assert_eq!(page(lab, "outside", "http://192.0.2.1:8080/")?, "c1");
        serve(lab, "c4", "-p 8081:80")?;
        assert_eq!(page(lab, "outside", "http://192.0.2.1:8081/")?, "c4");
        Ok(())
    })
}
