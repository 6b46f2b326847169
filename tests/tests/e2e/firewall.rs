//! The firewall beside others: who flushes it, and the rules of the user.

use anyhow::{Result, ensure};
use rnet_tests::{Lab, eventually};

use crate::{is_shut, on_lab, page, serve};

fn rules(lab: &Lab) -> Result<String> {
    lab.host("nft list table inet rnet")
}

#[test]
fn rules_that_others_flush_are_back_at_once() -> Result<()> {
    on_lab(|lab| {
        serve(lab, "c1", "-p 8080:80")?;
        let whole = rules(lab)?;
        for hand in [
            "flush ruleset",
            "delete table inet rnet",
            "flush map inet rnet publish4_any",
            "flush chain inet rnet forward",
        ] {
            lab.host(&format!("nft {hand}"))?;
            eventually(|| {
                ensure!(rules(lab)? == whole, "not restored after {hand}");
                Ok(())
            })?;
            assert_eq!(page(lab, "outside", "http://192.0.2.1:8080/")?, "c1");
        }
        // what is restored is remembered: the next change finds it
        serve(lab, "c2", "-p 8081:80")?;
        assert_eq!(page(lab, "outside", "http://192.0.2.1:8081/")?, "c2");
        Ok(())
    })
}

#[test]
fn the_users_rules_bite_and_outlive_the_daemon() -> Result<()> {
    on_lab(|lab| {
        serve(lab, "c1", "-p 8080:80 -p 8081:80")?;
        let rule = "inet rnet_user prerouting iifname eth0 tcp dport 8080 drop";
        lab.host(&format!("nft add rule {rule}"))?;
        let as_told = |lab: &Lab| -> Result<()> {
            assert!(is_shut(lab, "outside", "http://192.0.2.1:8080/"));
            assert_eq!(page(lab, "outside", "http://192.0.2.1:8081/")?, "c1");
            assert_eq!(page(lab, "host", "http://127.0.0.1:8080/")?, "c1");
            Ok(())
        };
        as_told(lab)?;
        let users = lab.host("nft list table inet rnet_user")?;
        lab.restart_netd()?;
        lab.host("nft delete table inet rnet")?;
        eventually(|| rules(lab))?;
        assert_eq!(lab.host("nft list table inet rnet_user")?, users);
        as_told(lab)?;
        lab.host("nft flush table inet rnet_user")?;
        assert_eq!(page(lab, "outside", "http://192.0.2.1:8080/")?, "c1");
        Ok(())
    })
}
