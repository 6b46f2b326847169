//! The host's routes, looked at again and again while others change them.

use rnet_kernel::Host;

use crate::lab::{Lab, lab};

/// What is told, beside what a lab that was just opened is told: it has to list all of them.
fn assert_known(lab: &Lab, what: &str) -> Vec<String> {
    let told = lab.kernel.routes().unwrap();
    let anew = lab.kernel_anew().routes().unwrap();
    assert_eq!(told, anew, "after {what}");
    told.iter().map(ToString::to_string).collect()
}

#[test]
fn routes_that_come_and_go_are_known_at_once() {
    lab(|lab| {
        lab.ip("link set lo up");
        lab.ip("link add br8 up type bridge");
        lab.ip("link add br9 up type bridge");
        assert_known(lab, "nothing");
        for change in [
            "address add 192.0.2.1/24 dev br8",
            "address add 198.51.100.1/24 dev br9",
            "address add 2001:db8::1/64 dev br9 nodad",
            "route add 172.30.0.0/16 via 192.0.2.2",
            "route add 172.30.0.0/16 via 192.0.2.3 table 300",
            "route append 172.30.0.0/16 via 192.0.2.4 table 300",
            "route del 172.30.0.0/16 via 192.0.2.2",
            "route del 172.30.0.0/16 via 192.0.2.3 table 300",
            "route add 172.29.0.0/16 nexthop via 192.0.2.2 nexthop via 198.51.100.2",
            "route add 2001:db8:9::/48 via 2001:db8::2",
            "route append 2001:db8:9::/48 via 2001:db8::3",
            "route del 2001:db8:9::/48 via 2001:db8::2",
            "route replace 172.29.0.0/16 dev br9",
            "route add blackhole 172.31.0.0/16",
            "route add 172.28.0.0/16 dev br8 src 192.0.2.1",
            "route add 172.25.0.0/16 dev br9 src 192.0.2.1",
            "address del 192.0.2.1/24 dev br8",
            "address add 192.0.2.1/24 dev br8",
            "nexthop add id 7 via 192.0.2.7 dev br8",
            "route add 172.27.0.0/16 nhid 7",
            "nexthop del id 7",
            "route add 172.26.0.0/16 via 192.0.2.2",
            "link set br8 down",
            "link set br8 up",
            "route add 172.26.0.0/16 via 192.0.2.2",
            "link del br8",
            "link del br9",
        ] {
            lab.ip(change);
            assert_known(lab, change);
        }
        assert_eq!(assert_known(lab, "all"), ["172.31.0.0/16"]);
    });
}

#[test]
fn more_news_than_the_kernel_keeps_are_made_up_for() {
    lab(|lab| {
        lab.ip("link add br9 up type bridge");
        assert_known(lab, "nothing");
        let routes = (0..4000).map(|number| {
            format!(
                "route add 10.{}.{}.0/24 dev br9\n",
                number / 250,
                number % 250
            )
        });
        lab.ip_batch(&routes.collect::<String>());
        assert_eq!(assert_known(lab, "4000 routes").len(), 4000);
    });
}
