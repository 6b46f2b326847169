//! Hosts that lack something, and what `netd` says of it: the thing by its name, and what can be done.

use anyhow::{Context, Result, ensure};
use rnet_tests::Lab;

use crate::{end_ipv6_forwarding, on_lab, page, serve};

/// Why `netd` does not start, on a lab that was made ready for it.
fn refusal(prepare: &str, flags: &str) -> Result<String> {
    let mut lab = Lab::bare()?;
    lab.host(prepare)?;
    let started = lab.start_netd_with(flags);
    Ok(started
        .err()
        .context("it started all the same")?
        .to_string())
}

#[test]
fn a_variable_that_cannot_be_written_is_named_and_nothing_is_left_of_the_network() -> Result<()> {
    on_lab(|lab| {
        lab.host("mount --bind /proc/sys /proc/sys && mount -o remount,ro,bind /proc/sys")?;
        // where the value is right already nothing needs writing
        let made = lab.try_host("rnet network create --ipv6 n")?;
        lab.host("umount /proc/sys")?;
        let refusal = made.failure(1)?;
        let words = "cannot set sysctl net/ipv6/conf/all/forwarding to 1: Read-only file system";
        ensure!(refusal.contains(words), "{refusal}");
        assert_eq!(lab.host("rnet network ls -q --filter type=custom")?, "");
        lab.host("rnet network create --ipv6 n")?;
        end_ipv6_forwarding(lab)
    })
}

#[test]
fn two_daemons_never_share_a_directory() -> Result<()> {
    on_lab(|lab| {
        for (flags, file) in [
            ("--run-dir /run/two", "/var/lib/rnet/rnet.redb"),
            ("--state-dir /var/lib/two", "/run/rnet/rnet.redb"),
        ] {
            let line = format!("netd --host unix:///run/two.sock {flags}");
            let refusal = lab.try_host(&line)?.failure(1)?;
            ensure!(refusal.contains(file), "{flags}: {refusal}");
            lab.host("rnet network ls && rm -rf /run/two /var/lib/two")?;
        }
        serve(lab, "c1", "-p 8080:80")?;
        assert_eq!(page(lab, "outside", "http://192.0.2.1:8080/")?, "c1");
        Ok(())
    })
}

#[test]
fn a_host_without_the_programs_of_iptables_is_told_what_to_install() -> Result<()> {
    let hide = "for p in /usr/sbin/*tables* /sbin/*tables*; do \
                [ ! -e $p ] || mount --bind /dev/null $p || exit; done";
    let told = refusal(hide, "--firewall iptables")?;
    for words in [
        "cannot run iptables",
        "apt install iptables",
        "--firewall nftables",
    ] {
        ensure!(told.contains(words), "{words}: {told}");
    }
    Ok(())
}

#[test]
fn without_the_right_to_change_the_packet_filter_it_says_which_one_is_missing() -> Result<()> {
    let lab = Lab::bare()?;
    let line = "setpriv --bounding-set -net_admin --inh-caps -net_admin netd";
    let told = lab.try_host(line)?.failure(1)?;
    ensure!(told.contains("CAP_NET_ADMIN"), "{told}");
    assert_eq!(
        lab.host("ls /sys/class/net")?,
        "eth0\nlo",
        "nothing was made"
    );
    Ok(())
}

#[test]
fn a_table_of_others_under_our_name_is_put_right_and_one_beside_it_stays() -> Result<()> {
    let mut lab = Lab::bare()?;
    lab.host("nft add table inet rnet && nft add chain inet rnet theirs")?;
    lab.host("nft add table inet filter && nft add chain inet filter theirs")?;
    lab.start_netd()?;
    let ours = lab.host("nft list table inet rnet")?;
    ensure!(
        ours.contains("chain forward") && !ours.contains("theirs"),
        "{ours}"
    );
    lab.host("nft list chain inet filter theirs").map(drop)
}
