//! What neighbours remember of an address is put right when another container has it.

use anyhow::{Result, ensure};
use rnet_tests::eventually;

use crate::{idle, on_lab};

#[test]
fn a_neighbour_that_remembers_the_last_owner_of_an_address_is_put_right_without_asking()
-> Result<()> {
    on_lab(|lab| {
        lab.host(
            "rnet network create --ipv6 --subnet 172.25.0.0/16 --subnet fd00:25::/64 \
             --opt com.docker.network.bridge.name=br-test n",
        )?;
        idle(lab, "neighbour", "--network n")?;
        let key = lab.host("rnet inspect -f '{{.NetworkSettings.SandboxKey}}' neighbour")?;
        let inside = format!("nsenter --net={key}");
        let [of_host, of_neighbour] = [("", "br-test"), (inside.as_str(), "eth0")];
        for (enter, link) in [of_host, of_neighbour] {
            for address in ["172.25.3.4", "fd00:25::34"] {
                lab.host(&format!(
                    "{enter} ip neighbour replace {address} lladdr 02:00:00:00:00:01 nud stale dev {link}"
                ))?;
            }
        }
        idle(
            lab,
            "c1",
            "--network n --ip 172.25.3.4 --ip6 fd00:25::34 --mac-address 02:00:00:00:00:02",
        )?;
        for (enter, link) in [of_host, of_neighbour] {
            for address in ["172.25.3.4", "fd00:25::34"] {
                eventually(|| {
                    let found =
                        lab.host(&format!("{enter} ip neighbour show {address} dev {link}"))?;
                    ensure!(found.contains("02:00:00:00:00:02"), "{link}: {found}");
                    Ok(())
                })?;
            }
        }
        Ok(())
    })
}
