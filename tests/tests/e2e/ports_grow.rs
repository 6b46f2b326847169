//! Published ports of containers that come to a network by which they can be published.

use anyhow::{Result, ensure};
use rnet_tests::Lab;

use crate::{address, end, is_shut, on_lab, page, serve};

const MODE: &str = "--opt com.docker.network.bridge.gateway_mode";
const HOST: [&str; 2] = ["http://192.0.2.1:8080/", "http://[2001:db8::1]:8080/"];

fn is_published(lab: &Lab) -> Result<()> {
    for url in HOST {
        assert_eq!(page(lab, "outside", url)?, "c1", "{url}");
    }
    Ok(())
}

fn is_withdrawn(lab: &Lab) {
    for url in HOST {
        assert!(is_shut(lab, "outside", url), "{url}");
    }
}

#[test]
fn a_port_is_bound_at_once_when_a_routed_container_joins_a_network_that_translates() -> Result<()> {
    on_lab(|lab| {
        lab.host(&format!(
            "rnet network create --ipv6 {MODE}_ipv4=routed {MODE}_ipv6=routed routed"
        ))?;
        lab.host("rnet network create --ipv6 nat")?;
        serve(lab, "c1", "--network routed -p 8080:80")?;
        is_withdrawn(lab);

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
        is_published(lab)?;
        assert_eq!(
            lab.host("rnet port c1")?,
            "80/tcp -> 0.0.0.0:8080\n80/tcp -> [::]:8080"
        );
        lab.host("busybox httpd -p 8080 -h /tmp").unwrap_err();
        lab.restart_netd()?;
        is_published(lab)?;
        let own = address(lab, "c1", "routed")?;
        assert_eq!(page(lab, "outside", &format!("http://{own}/"))?, "c1");

        lab.host("rnet network disconnect nat c1")?;
        is_withdrawn(lab);
        lab.host("rnet network connect nat c1")?;
        is_published(lab)?;
        Ok(())
    })
}
