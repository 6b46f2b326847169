//! What an endpoint can be asked to be.

use anyhow::{Result, ensure};
use rnet_tests::Lab;

use crate::{address, cut_off, idle, on_lab, reaches};

#[test]
fn an_endpoint_has_the_name_the_variables_and_the_addresses_asked_for() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet network create --ipv6 --subnet 172.25.0.0/16 --subnet fd00:25::/64 n")?;
        idle(
            lab,
            "c1",
            "--network 'name=n,ip=172.25.3.4,ip6=fd00:25::34,link-local-ip=169.254.7.7,link-local-ip=fe80::77,\
             mac-address=02:00:00:00:00:09,driver-opt=com.docker.network.endpoint.ifname=wan0,\
             \"driver-opt=com.docker.network.endpoint.sysctls=net.ipv4.conf.IFNAME.log_martians=1,\
             net.ipv6.conf.IFNAME.hop_limit=17\"' --sysctl net.core.somaxconn=77",
        )?;
        let addresses = lab.host("rnet exec c1 ip address show dev wan0")?;
        for found in [
            "inet 172.25.3.4/16 ",
            "inet 169.254.7.7/16 brd 169.254.255.255 scope link",
            "inet6 fd00:25::34/64 ",
            "inet6 fe80::77/64 scope link",
            "link/ether 02:00:00:00:00:09",
        ] {
            ensure!(addresses.contains(found), "{found}: {addresses}");
        }
        for (variable, value) in [
            ("net/ipv4/conf/wan0/log_martians", "1"),
            ("net/ipv6/conf/wan0/hop_limit", "17"),
            ("net/core/somaxconn", "77"),
        ] {
            let found = lab.host(&format!("rnet exec c1 cat /proc/sys/{variable}"))?;
            assert_eq!(found, value, "{variable}");
        }
        idle(
            lab,
            "c2",
            "--network n --link-local-ip 169.254.7.8 --link c1:first",
        )?;
        assert!(reaches(lab, "c2", "169.254.7.7")? && reaches(lab, "c2", "fd00:25::34")?);
        assert!(reaches(lab, "c2", "first")?, "its own name for c1");
        assert!(cut_off(lab, "c1", "first")?, "nobody else's");
        let shown = lab.host("rnet inspect -f '{{json .NetworkSettings.Networks.n}}' c2")?;
        for found in [
            r#""Links":["c1:first"]"#,
            r#""LinkLocalIPs":["169.254.7.8"]"#,
            r#""DNSNames":["c2","#,
        ] {
            ensure!(shown.contains(found), "{found}: {shown}");
        }
        Ok(())
    })
}

#[test]
fn a_variable_the_kernel_refuses_is_named_and_nothing_is_attached() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet network create one")?;
        lab.host("rnet network create two")?;
        idle(lab, "c1", "--network one")?;
        let before = plumbing(lab)?;
        let option = "--driver-opt com.docker.network.endpoint.sysctls=net.ipv4.conf.IFNAME";
        let refused = lab.try_host(&format!("rnet network connect {option}.no_such=1 two c1"))?;
        let refusal = refused.failure(1)?;
        ensure!(refusal.contains("net/ipv4/conf/eth1/no_such"), "{refusal}");
        assert_eq!(plumbing(lab)?, before);
        let malformed = lab.try_host(
            "rnet network connect --driver-opt com.docker.network.endpoint.sysctls=a=1 two c1",
        )?;
        let refusal = malformed.failure(1)?;
        ensure!(
            refusal.contains("unrecognised network interface sysctl 'a=1'"),
            "{refusal}"
        );
        let clash = "--driver-opt com.docker.network.endpoint.ifname=eth0";
        lab.try_host(&format!("rnet network connect {clash} two c1"))?
            .failure(1)?;
        assert_eq!(plumbing(lab)?, before);
        lab.host("rnet network connect two c1").map(drop)
    })
}

#[test]
fn what_an_address_cannot_be_is_said_in_docker_s_words() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet network create --subnet 172.25.0.0/16 n")?;
        idle(lab, "holder", "--network n --ip 172.25.3.4")?;
        idle(lab, "c1", "")?;
        for (flags, network, words) in [
            ("--ip 172.25.3.4", "n", "Address already in use"),
            ("--ip 10.9.9.9", "n", "10.9.9.9"),
            (
                "--ip 172.17.0.9",
                "bridge",
                "already exists in network bridge",
            ),
        ] {
            let refusal = lab
                .try_host(&format!("rnet network connect {flags} {network} c1"))?
                .failure(1)?;
            ensure!(refusal.contains(words), "{flags}: {refusal}");
        }
        let flags = "--network bridge --ip 172.17.0.9";
        let refusal = lab
            .try_host(&format!("rnet run -d {flags} busybox true"))?
            .failure(125)?;
        let words = "user specified IP address is supported on user defined networks only";
        ensure!(refusal.contains(words), "{refusal}");
        Ok(())
    })
}

#[test]
fn a_stopped_container_is_connected_when_it_starts_in_an_order_that_is_known() -> Result<()> {
    on_lab(|lab| {
        for network in ["main", "beta", "alpha"] {
            lab.host(&format!("rnet network create {network}"))?;
        }
        lab.host("rnet create --name c1 --network main busybox sleep 1000")?;
        lab.host("rnet network connect --alias a beta c1")?;
        lab.host("rnet network connect alpha c1")?;
        assert_eq!(address(lab, "c1", "beta")?, "");
        for _ in 0..2 {
            lab.host("rnet start c1")?;
            let found = lab.host("rnet exec c1 ip -4 -o address show | grep eth")?;
            for (interface, network) in [("eth0", "main"), ("eth1", "alpha"), ("eth2", "beta")] {
                let address = address(lab, "c1", network)?;
                let line = found
                    .lines()
                    .find(|line| line.contains(interface))
                    .unwrap_or_default();
                ensure!(
                    line.contains(&format!(" {address}/")),
                    "{network} {address}: {found}"
                );
            }
            lab.host("rnet stop -t 0 c1")?;
        }
        Ok(())
    })
}

/// Everything that endpoints are made of.
fn plumbing(lab: &Lab) -> Result<String> {
    lab.host("ip -o link | cut -d: -f2 | cut -d@ -f1; rnet exec c1 ip address; rnet exec c1 ip route; rnet inspect -f '{{json .NetworkSettings.Networks}}' c1")
}
