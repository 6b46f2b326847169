//! More endpoints on one network than a bridge of the kernel has ports: the real kernel, no containers.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod host;

use std::collections::BTreeMap;

use host::{CrowdedHost, alone, eventually};
use rnet_model::Object;

/// More than the 1,023 ports of a bridge (net/bridge/br_private.h, BR_MAX_PORTS), and not many more than the packets
/// that may wait for a processor: their number is the initial network namespace's, where no test changes anything.
const CROWD: usize = 1_060;
/// How many endpoints of the first bridge, and how many of the shard, are asked to reach each other.
const ASKED: usize = 12;

#[test]
fn endpoints_beyond_the_ports_of_a_bridge_reach_all_others() {
    alone(|| {
        let mut host = CrowdedHost::new();
        (0..CROWD).for_each(|number| host.attach(number));
        let network = host.network();
        let is_bridge = |it: &&rnet_model::Resource| matches!(it.object, Object::Bridge(_));
        assert_eq!(network.resources.iter().filter(is_bridge).count(), 2);
        let mut ports = BTreeMap::<String, usize>::new();
        for bridge in host.masters() {
            *ports.entry(bridge).or_default() += 1;
        }
        let mut ports: Vec<usize> = ports.into_values().collect();
        ports.sort_unstable();
        // each has an end of the patch besides
        assert_eq!(ports, [CROWD - 900 + 1, 901]);
        for step in 0..ASKED {
            let (near, far) = (step * 70, CROWD - 1 - step * 10);
            assert!(host.reaches(near, far), "{near} to {far}");
            assert!(host.reaches(far, near), "{far} to {near}");
        }
        assert!(host.reaches(CROWD - 1, CROWD - 2), "both on the shard");
        assert!(
            host.answers_on_gateway(CROWD - 1),
            "the host from the shard"
        );
        // nobody's sandboxes: the next daemon takes them away, and leaves the network's bridges
        host.restart();
        assert!(
            host.network()
                .resources
                .iter()
                .filter(is_bridge)
                .all(|it| host.has(it))
        );
        eventually("only the patch is left", || host.masters().len() == 2);
        host.delete_network();
        eventually("nothing is left", || host.links() == ["lo", "rnet0"]);
    });
}
