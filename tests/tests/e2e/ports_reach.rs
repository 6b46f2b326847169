//! Who reaches a published port, by which address, and whom the container sees.

use anyhow::Result;
use rnet_tests::{Lab, eventually};

use crate::{end_ipv6_forwarding, idle, is_shut, on_lab, on_lab_with, page, serve};

/// The host's addresses, and whether only the host itself can use them.
const HOST: [(&str, bool); 4] = [
    ("192.0.2.1", false),
    ("127.0.0.1", true),
    ("[2001:db8::1]", false),
    ("[::1]", true),
];

/// Starts a container that serves its name, and the address that it sees of whoever asks for `/cgi-bin/who`.
fn serve_who(lab: &Lab, name: &str, flags: &str) -> Result<()> {
    serve(lab, name, flags)?;
    lab.host(&format!(
        r##"rnet exec {name} sh -c 'mkdir -p /www/cgi-bin && cd /www/cgi-bin && printf "#!/bin/sh\necho\necho \$REMOTE_ADDR\n" >who && chmod +x who'"##
    ))
    .map(drop)
}

fn reached_by_all(lab: &Lab) -> Result<()> {
    for (address, own) in HOST {
        for machine in ["host", "outside", "c1", "neighbour", "stranger"] {
            if machine == "host" || !own {
                let url = format!("http://{address}:8080/");
                assert_eq!(page(lab, machine, &url)?, "c1", "{machine} {address}");
            }
        }
    }
    Ok(())
}

#[test]
fn a_container_with_both_families_is_reached_by_every_address_from_everywhere() -> Result<()> {
    on_lab(|lab| {
        for network in ["n1", "other"] {
            lab.host(&format!("rnet network create --ipv6 {network}"))?;
        }
        serve_who(lab, "c1", "--network n1 -p 8080:80")?;
        idle(lab, "neighbour", "--network n1")?;
        idle(lab, "stranger", "--network other")?;
        reached_by_all(lab)?;
        let seen = |address| {
            page(
                lab,
                "outside",
                &format!("http://{address}:8080/cgi-bin/who"),
            )
        };
        assert!(seen("192.0.2.1")?.contains("192.0.2.2"));
        assert!(seen("[2001:db8::1]")?.contains("2001:db8::2"));
        Ok(())
    })
}

#[test]
fn a_container_with_ipv4_only_is_reached_by_ipv6_too_and_after_a_crash_of_the_daemon() -> Result<()>
{
    on_lab(|lab| {
        lab.host("rnet network create --ipv6 other")?;
        serve(lab, "c1", "-p 8080:80")?;
        let shown = lab.host("rnet port c1 80")?;
        assert_eq!(shown, "0.0.0.0:8080\n[::]:8080");
        idle(lab, "stranger", "--network other")?;
        let all = |lab: &Lab| {
            for (address, own) in HOST {
                let url = format!("http://{address}:8080/");
                assert_eq!(page(lab, "host", &url)?, "c1", "{address}");
                if !own {
                    assert_eq!(page(lab, "outside", &url)?, "c1", "{address}");
                    assert_eq!(page(lab, "stranger", &url)?, "c1", "{address}");
                }
            }
            Ok(())
        };
        all(lab)?;
        lab.restart_netd()?;
        all(lab)
    })
}

#[test]
fn a_port_follows_the_gateway_over_networks() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet network create one")?;
        lab.host("rnet network create --ipv6 two")?;
        serve(lab, "c1", "--network one -p 8080:80")?;
        let reached = |lab: &Lab| {
            for (machine, address) in [
                ("host", "[::1]"),
                ("host", "127.0.0.1"),
                ("outside", "[2001:db8::1]"),
                ("outside", "192.0.2.1"),
            ] {
                let url = format!("http://{address}:8080/");
                assert_eq!(page(lab, machine, &url)?, "c1", "{machine} {address}");
            }
            Ok(())
        };
        reached(lab)?;
        lab.host("rnet network connect two c1")?;
        reached(lab)?;
        lab.host("rnet network disconnect one c1")?;
        reached(lab)?;
        lab.host("rnet network connect one c1 && rnet network disconnect two c1")?;
        reached(lab)
    })
}

#[test]
fn a_port_of_one_address_is_reached_by_that_one_only() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet network create --ipv6 n1")?;
        for (published, _) in HOST {
            serve(lab, "c1", &format!("--network n1 -p {published}:8080:80"))?;
            for (address, _) in HOST {
                let url = format!("http://{address}:8080/");
                match address == published {
                    true => assert_eq!(page(lab, "host", &url)?, "c1", "{published}"),
                    false => assert!(is_shut(lab, "host", &url), "{published} {address}"),
                }
            }
            lab.host("rnet rm -f c1")?;
        }
        Ok(())
    })
}

#[test]
fn a_port_of_the_loopback_is_not_reached_from_outside_by_a_static_route() -> Result<()> {
    on_lab(|lab| {
        // the machine outside sends even what is for a loopback to the lab host
        lab.outside(
            "sysctl -qw net.ipv4.conf.all.route_localnet=1 net.ipv4.conf.eth0.route_localnet=1 && \
             ip address del 127.0.0.1/8 dev lo && ip route add 127.0.0.0/8 via 192.0.2.1",
        )?;
        serve(lab, "open", "-p 127.0.0.1:8080:80 -p 8081:80")?;
        assert_eq!(page(lab, "host", "http://127.0.0.1:8080/")?, "open");
        assert_eq!(page(lab, "outside", "http://192.0.2.1:8081/")?, "open");
        assert!(is_shut(lab, "outside", "http://127.0.0.1:8080/"));
        assert!(is_shut(lab, "outside", "http://192.0.2.1:8080/"));
        Ok(())
    })
}

#[test]
fn only_the_clients_a_port_is_for_reach_it() -> Result<()> {
    on_lab(only_its_clients)
}

#[test]
fn by_iptables_only_the_clients_a_port_is_for_reach_it() -> Result<()> {
    on_lab_with("--firewall iptables", only_its_clients)
}

/// One list names clients of both families.
fn only_its_clients(lab: &mut Lab) -> Result<()> {
    lab.host("rnet network create --ipv6 both")?;
    serve(
        lab,
        "c3",
        "--network both -p 8082:80,from=192.0.2.2,from=2001:db8::2",
    )?;
    serve(
        lab,
        "c4",
        "--network both -p 8083:80,from=198.51.100.0/24,from=2001:db8::2",
    )?;
    for address in ["192.0.2.1", "[2001:db8::1]"] {
        let url = |port: u16| format!("http://{address}:{port}/");
        assert_eq!(page(lab, "outside", &url(8082))?, "c3");
        assert!(is_shut(lab, "host", &url(8082)), "{address}");
    }
    assert!(is_shut(lab, "outside", "http://192.0.2.1:8083/"));
    assert_eq!(page(lab, "outside", "http://[2001:db8::1]:8083/")?, "c4");
    serve(lab, "c1", "-p 8080:80,from=192.0.2.2,from=2001:db8::2")?;
    serve(
        lab,
        "c2",
        "-p 8081:80,from=198.51.100.0/24,from=2001:db8:1::/48",
    )?;
    for address in ["192.0.2.1", "[2001:db8::1]"] {
        assert_eq!(
            page(lab, "outside", &format!("http://{address}:8080/"))?,
            "c1"
        );
        assert!(is_shut(lab, "outside", &format!("http://{address}:8081/")));
        assert!(is_shut(lab, "host", &format!("http://{address}:8080/")));
    }
    assert!(is_shut(lab, "host", "http://[::1]:8080/"));
    assert_eq!(
        lab.host("rnet port c1")?,
        "80/tcp -> 0.0.0.0:8080 (from 192.0.2.2/32)\n80/tcp -> [::]:8080 (from 2001:db8::2/128)"
    );
    let listed = lab.host("rnet ps --format '{{.Ports}}' -f name=c2")?;
    assert!(
        listed.contains("0.0.0.0:8081->80/tcp (from 198.51.100.0/24)"),
        "{listed}"
    );
    let refused = lab.try_host("rnet run -l rnet.from.81=10.0.0.0/8 -p 82:80 busybox true")?;
    assert!(
        refused
            .failure(125)?
            .contains("no port is published like that")
    );
    end_ipv6_forwarding(lab)
}

#[test]
fn a_client_that_keeps_its_port_finds_the_container_that_came_after_the_first() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet network create --ipv6 n1")?;
        for (client, server) in [
            ("0.0.0.0:4000", "192.0.2.1:8080"),
            ("[::]:4000", "[2001:db8::1]:8080"),
        ] {
            let ask = || lab.outside(&format!("rnet-lab datagram-client {client} {server}"));
            for name in ["c1", "c2"] {
                idle(lab, name, "--network n1 -p 8080:80/udp")?;
                let format = "{{.NetworkSettings.SandboxKey}}";
                let sandbox = lab.host(&format!("rnet inspect -f '{format}' {name}"))?;
                lab.host(&format!(
                    "nsenter --net={sandbox} rnet-lab datagram-server [::]:80 {name} \
                     >/dev/null 2>&1 & echo $! >/tmp/server"
                ))?;
                assert_eq!(eventually(ask)?, name, "{server}");
                lab.host(&format!("kill $(cat /tmp/server) && rnet rm -f {name}"))?;
                // to nobody: now the flow leads nowhere, and would for two minutes
                assert!(ask().is_err());
            }
        }
        Ok(())
    })
}
