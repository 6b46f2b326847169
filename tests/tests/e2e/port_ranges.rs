//! Ranges of published ports: at any size, all or none.

use anyhow::{Context, Result};
use rnet_tests::Lab;

use crate::{end, idle, on_lab, page, serve};

/// As many ports as the limit of open files has room for, up to 20,000; `netd` and all else need some, too.
fn many(lab: &Lab) -> Result<u16> {
    let limit = lab.host("ulimit -Hn")?;
    let limit: usize = limit.parse().unwrap_or(usize::MAX);
    u16::try_from((limit / 2).min(20_000)).context("20,000 is a small number")
}

#[test]
fn a_range_of_20_000_ports_comes_goes_and_comes_again() -> Result<()> {
    on_lab(|lab| {
        let count = many(lab)?;
        let (last, last_inside) = (20_000 + count - 1, 80 + count - 1);
        let range = format!("-p 20000-{last}:80-{last_inside}");
        for name in ["c1", "c2"] {
            serve(lab, name, &range)?;
            lab.host(&format!("rnet exec {name} httpd -p {last_inside} -h /www"))?;
            for port in [20_000, last] {
                for (machine, address) in [
                    ("outside", "192.0.2.1"),
                    ("outside", "[2001:db8::1]"),
                    ("host", "[::1]"),
                ] {
                    let url = format!("http://{address}:{port}/");
                    assert_eq!(page(lab, machine, &url)?, name, "{machine} {url}");
                }
            }
            let shown = lab.host("rnet ps --format '{{.Ports}}'")?;
            let v4 = format!("0.0.0.0:20000-{last}->80-{last_inside}/tcp");
            assert!(shown.starts_with(&v4), "{shown}");
            let within = lab.try_host(&format!("rnet run -d -p {last}:80 busybox true"))?;
            let words = format!("Bind for 0.0.0.0:{last} failed: port is already allocated");
            assert!(within.failure(125)?.contains(&words));
            lab.host(&format!("rnet rm -f {name}"))?;
        }
        Ok(())
    })
}

#[test]
fn a_range_with_one_port_taken_holds_none_of_the_others() -> Result<()> {
    on_lab(|lab| {
        lab.host("busybox httpd -p 0.0.0.0:8085 -h /tmp")?;
        let refused = lab.try_host("rnet run --name c1 -p 8080-8090:80-90 busybox true")?;
        let words = "failed to bind host port 0.0.0.0:8085/tcp: address already in use";
        let refusal = refused.failure(125)?;
        assert!(refusal.contains(words), "{refusal}");
        serve(lab, "c2", "-p 8080:80")?;
        assert_eq!(page(lab, "outside", "http://192.0.2.1:8080/")?, "c2");

        idle(lab, "c3", "-p 8085-8087:80 -p 8085-8087:81")?;
        let ports = lab.host("rnet port c3")?;
        assert!(ports.contains("80/tcp -> 0.0.0.0:8086"), "{ports}");
        assert!(ports.contains("81/tcp -> 0.0.0.0:8087"), "{ports}");
        let refused = lab.try_host("rnet run --name c4 -p 8085-8087:80 busybox true")?;
        assert!(refused.failure(125)?.contains("8087"));
        end(lab, "httpd -p 0.0.0.0:8085")
    })
}

#[test]
fn a_range_beyond_the_limit_of_open_files_names_it_and_holds_nothing() -> Result<()> {
    on_lab(|lab| {
        lab.host("prlimit --pid $(pgrep -x netd) --nofile=500:500")?;
        let refused = lab.try_host("rnet run --name c1 -p 20000-20999:80-1079 busybox true")?;
        let refusal = refused.failure(125)?;
        assert!(refusal.contains("500 are the limit"), "{refusal}");
        serve(lab, "c2", "-p 20000:80")?;
        assert_eq!(page(lab, "outside", "http://192.0.2.1:20000/")?, "c2");
        Ok(())
    })
}
