//! What a change costs when there is much already.

use std::time::{Duration, Instant};

use rnet_model::{FirewallPolicy, PortRange};

use crate::lab::{Lab, network, policy};

const MANY: u16 = 10_000;

fn publish(policy: &mut FirewallPolicy, first: u16, count: u16) {
    let template = crate::lab::policy(&[("0.0.0.0:1", "tcp", "172.25.0.2:80")]);
    let (ports, target) = template.published.get_min().unwrap();
    for port in first..first + count {
        let mut ports = *ports;
        ports.ports = PortRange::one(port);
        policy.published.insert(ports, target.clone());
    }
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

#[test]
fn ten_thousand_ports_do_not_make_one_more_dear() {
    let Some(lab) = Lab::new() else { return };
    lab.c1.serve(80);
    let mut many = policy(&[]);
    publish(&mut many, 20_000, MANY);
    let whole = timed(|| lab.apply(&many));

    let mut least = Duration::MAX;
    let mut unchanged = Duration::MAX;
    for round in 0..50 {
        publish(&mut many, 1_000 + round, 1);
        least = least.min(timed(|| lab.apply(&many)));
        unchanged = unchanged.min(timed(|| lab.apply(&many)));
    }
    publish(&mut many, 2_000, 1_000);
    let thousand = timed(|| lab.apply(&many));
    let before = many.clone();
    many.published.clear();
    let clear = timed(|| lab.apply(&many));
    lab.apply(&before);

    eprintln!(
        "with {MANY} ports published: {MANY} at once {whole:?}, one more {least:?}, no change {unchanged:?}, \
         1000 more {thousand:?}, all withdrawn {clear:?}"
    );
    // a hundred times would be a walk over all; what it takes in truth is the benchmark's to say
    assert!(
        least * 20 < whole,
        "one port takes {least:?}, {MANY} at once {whole:?}"
    );
    for port in [20_000, 29_999, 1_000, 2_999] {
        let server = format!("192.0.2.1:{port}");
        assert_eq!(lab.outside.tcp(&server).unwrap(), "192.0.2.2");
    }
}

#[test]
fn a_thousand_networks_fit_one_table() {
    let Some(lab) = Lab::new() else { return };
    lab.c1.serve(80);
    let mut policy = policy(&[("0.0.0.0:8080", "tcp", "172.25.0.2:80")]);
    for number in 0..1000 {
        policy
            .networks
            .insert(network(&format!("br-{number:012x}")));
    }
    let whole = timed(|| lab.apply(&policy));
    policy.networks.insert(network("br-one-more"));
    let one = timed(|| lab.apply(&policy));
    eprintln!("1002 networks at once {whole:?}, one more {one:?}");
    assert!(lab.outside.tcp("192.0.2.1:8080").is_some());
    assert_eq!(lab.c3.tcp_soon("172.25.0.2:80"), None);
}

#[test]
fn a_range_of_twenty_thousand_ports_is_one_element_whoever_listens() {
    let Some(lab) = Lab::new() else { return };
    lab.c1.serve(45_000);
    let mut many = policy(&[]);
    publish(&mut many, 10_000, MANY);
    lab.apply(&many);
    let before = many.clone();
    let (ports, to) = crate::sample::publish("0.0.0.0", 30_000, 49_999, "172.25.0.2", 30_000, &[]);
    many.published.insert(ports, to);
    let round = |what: &str| {
        let mut least = [Duration::MAX; 2];
        for _ in 0..20 {
            let took = [timed(|| lab.apply(&many)), timed(|| lab.apply(&before))];
            least = [least[0].min(took[0]), least[1].min(took[1])];
        }
        eprintln!("20000 ports published, and withdrawn, {what}: {least:?}");
    };
    round("nobody listening");
    let watch = lab.host.run(|| lab.firewall.watch().unwrap().unwrap());
    round("with a watch");
    let all = timed(|| {
        lab.apply(&policy(&[]));
        lab.apply(&before);
    });
    eprintln!("{MANY} ports withdrawn and published, with a watch: {all:?}");
    drop(watch);
    lab.apply(&many);
    assert!(lab.outside.tcp("192.0.2.1:45000").is_some());
}
