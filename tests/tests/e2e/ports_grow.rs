//! Published ports of containers that come to a network by which they can be published.

use anyhow::{Result, ensure};
use rnet_tests::Lab;

use crate::{address, end, on_lab, page, serve};

const MODE: &str = "--opt com.docker.network.bridge.gateway_mode";
const HOST: [&str; 2] = ["192.0.2.1", "[2001:db8::1]"];

fn reached(lab: &Lab) -> Result<bool> {
    let answers = HOST.map(|it| page(lab, "outside", &format!("http://{it}:8080/")).is_ok());
    ensure!(answers[0] == answers[1], "one family only: {answers:?}");
    Ok(answers[0])
}

#[test]
fn a_port_is_bound_at_once_when_a_routed_container_joins_a_network_that_translates() -> Result<()> {
    on_lab(|lab| {
        lab.host(&format!(
            "rnet network create --ipv6 {MODE}_ipv4=routed {MODE}_ipv6=routed routed"
        ))?;
        lab.host("rnet network create --ipv6 nat")?;
        serve(lab, "c1", "--network routed -p 8080:80")?;
        ensure!(!reached(lab)?, "no port of the host leads to it");

        // none was taken, so somebody else may have it
        lab.host("busybox httpd -p 8080 -h /tmp")?;
        let interfaces = "rnet exec c1 ls /sys/class/net";
        let refused = lab.try_host("rnet network connect nat c1")?.failure(1)?;
        ensure!(
            refused.contains("8080/tcp: address already in use"),
            "{refused}"
        );
        assert_eq!(
            lab.host(interfaces)?,
            "eth0\nlo",
            "the refusal changed nothing"
        );
        assert_eq!(lab.host("rnet port c1")?, "");
        end(lab, "httpd -p 8080")?;

        lab.host("rnet network connect nat c1")?;
        ensure!(reached(lab)?, "it is published");
        assert_eq!(
            lab.host("rnet port c1")?,
            "80/tcp -> 0.0.0.0:8080\n80/tcp -> [::]:8080"
        );
        lab.host("busybox httpd -p 8080 -h /tmp").unwrap_err();
        lab.restart_netd()?;
        ensure!(reached(lab)?, "the next daemon knows");
        let own = address(lab, "c1", "routed")?;
        assert_eq!(page(lab, "outside", &format!("http://{own}/"))?, "c1");

        lab.host("rnet network disconnect nat c1")?;
        ensure!(!reached(lab)?, "there is no way to it any more");
        lab.host("rnet network connect nat c1")?;
        ensure!(reached(lab)?, "it was kept");
        Ok(())
    })
}
