//! The daemon dies at any moment, and what it was doing is finished or undone.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, ensure};
use rnet_tests::eventually;

use crate::{cut_off, idle, on_lab, page, reaches, serve};

#[test]
fn containers_live_on_without_a_daemon_and_nothing_they_say_is_lost() -> Result<()> {
    on_lab(|lab| {
        lab.host(
            "rnet run -d --name counter busybox \
             sh -c 'i=0; while [ $i -lt 40 ]; do i=$((i+1)); echo $i; sleep 0.05; done; exit 7'",
        )?;
        sleep(Duration::from_millis(300));
        lab.kill_netd()?;
        sleep(Duration::from_millis(300));
        lab.start_netd()?;
        sleep(Duration::from_millis(300));
        lab.kill_netd()?;
        // it ends while no daemon is there
        sleep(Duration::from_millis(2500));
        lab.start_netd()?;
        assert_eq!(lab.host("rnet wait counter")?, "7");
        assert_eq!(
            lab.host("rnet inspect -f '{{.State.Status}} {{.State.ExitCode}}' counter")?,
            "exited 7"
        );
        let said = lab.host("rnet logs counter")?;
        assert!(said.lines().eq((1..=40).map(|n| n.to_string())), "{said}");
        Ok(())
    })
}

#[test]
fn a_daemon_killed_at_any_moment_of_a_start_leaves_nothing_half_done() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet network create front")?;
        serve(lab, "witness", "--network front -p 8080:80")?;
        let before = lab.contents()?;
        for step in 0..20 {
            let run = "rnet run -d --name victim --network front -p 8081:80 busybox sleep 1000";
            let begun = lab.begin(run)?;
            sleep(Duration::from_millis(step * 4));
            lab.kill_netd()?;
            begun.wait_with_output()?;
            lab.start_netd()?;
            assert_eq!(
                page(lab, "outside", "http://192.0.2.1:8080/")?,
                "witness",
                "step {step}"
            );
            let known = lab.host("rnet ps -aq --filter name=victim")?;
            if !known.is_empty() {
                lab.host("rnet rm -f victim")?;
            }
            lab.assert_nothing_left(&before)?;
        }
        // what was reserved for those that were undone is free again
        serve(lab, "victim", "--network front -p 8081:80")
    })
}

#[test]
fn a_daemon_killed_at_any_moment_of_a_connect_leaves_it_done_or_undone() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet network create front")?;
        lab.host("rnet network create back")?;
        serve(lab, "c1", "--network front")?;
        idle(lab, "c2", "--network back")?;
        let before = lab.contents()?;
        for step in 0..20 {
            let begun = lab.begin("rnet network connect back c1")?;
            sleep(Duration::from_millis(step * 3));
            lab.kill_netd()?;
            begun.wait_with_output()?;
            lab.start_netd()?;
            let interfaces = lab.host("rnet exec c1 ls /sys/class/net")?;
            let connected = interfaces.contains("eth1");
            let as_told = match connected {
                true => reaches(lab, "c2", "c1")?,
                false => cut_off(lab, "c2", "c1")?,
            };
            assert!(as_told, "step {step}: {interfaces}");
            if connected {
                lab.host("rnet network disconnect back c1")?;
            }
            lab.assert_nothing_left(&before)?;
        }
        Ok(())
    })
}

#[test]
fn a_daemon_killed_while_everything_is_removed_finishes_it_the_next_time() -> Result<()> {
    on_lab(|lab| {
        let before = lab.contents()?;
        for step in 0..5 {
            lab.host("rnet network create front")?;
            for name in ["c1", "c2", "c3"] {
                idle(lab, name, "--network front")?;
            }
            let begun = lab.begin("rnet rm -f c1 c2 c3 && rnet network rm front")?;
            sleep(Duration::from_millis(step * 40));
            lab.kill_netd()?;
            begun.wait_with_output()?;
            lab.start_netd()?;
            lab.clear()?;
            lab.assert_nothing_left(&before)?;
        }
        Ok(())
    })
}

#[test]
fn nothing_is_kept_of_an_image_that_stopped_coming() -> Result<()> {
    on_lab(|lab| {
        let before = lab.contents()?;
        let half = "{ tar -c -C / usr/bin | head -c 3000000; sleep 3; } | rnet image import half -";
        let begun = lab.begin(half)?;
        eventually(|| lab.host("ls /var/lib/rnet/images/tmp/*/usr/bin"))?;
        lab.restart_netd()?;
        begun.wait_with_output()?;
        lab.assert_nothing_left(&before)?;
        // the client goes away, the daemon stays
        let cut = lab.try_host(&format!("timeout 1 sh -c '{half}'"))?;
        assert_eq!(cut.code, 124);
        lab.assert_nothing_left(&before)
    })
}

#[test]
fn a_daemon_that_is_asked_to_end_lets_containers_live() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet network create front")?;
        serve(lab, "c1", "--network front -p 8080:80")?;
        lab.stop_netd()?;
        ensure!(lab.try_host("rnet ps")?.code != 0);
        assert_eq!(page(lab, "outside", "http://192.0.2.1:8080/")?, "c1");
        lab.start_netd()?;
        idle(lab, "c2", "--network front")?;
        eventually(|| page(lab, "c2", "http://c1/")).map(drop)
    })
}

#[test]
fn networks_and_containers_survive_a_reboot() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet network create --subnet 172.25.0.0/16 kept")?;
        serve(lab, "c1", "--network kept --ip 172.25.0.9 -p 8080:80")?;
        lab.kill_netd()?;
        // as a reboot would: no process, no link, no mount, nothing in /run
        lab.host(
            "for p in $(pidof rnet-shim httpd); do kill -9 $p; done; nft delete table inet rnet",
        )?;
        lab.host("for l in $(ls /sys/class/net); do case $l in lo|eth0) ;; *) ip link del $l || :; esac; done")?;
        lab.host("umount -l $(awk '$5 ~ \"^/run/rnet/|^/var/lib/rnet/\" { print $5 }' /proc/self/mountinfo) || :")?;
        lab.host("rm -rf /run/rnet")?;
        lab.start_netd()?;
        assert_eq!(
            lab.host("rnet inspect -f '{{.State.Status}}' c1")?,
            "exited"
        );
        lab.host("rnet start c1")?;
        eventually(|| page(lab, "outside", "http://192.0.2.1:8080/"))?;
        Ok(())
    })
}
