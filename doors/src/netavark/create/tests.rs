//! What networks are completed to, and what podman is told of those that cannot be.

use super::*;

fn created(network: &Value) -> Result<Value, String> {
    let wish = json!({
        "network": network,
        "used": {"interfaces": ["podman1", "docker0"], "names": {"old": "x"}, "subnets": ["10.89.0.0/24", "10.88.0.0/16"]},
        "options": {
            "subnet_pools": [{"base": "10.89.0.0/16", "size": 24}],
            "default_interface_name": "podman", "check_used_subnets": true,
        },
    });
    create(serde_json::from_value(wish).unwrap()).map_err(|error| error.chain())
}

#[test]
fn what_is_left_out_is_filled_in() {
    let network =
        created(&json!({"name": "n", "dns_enabled": true, "ipv6_enabled": true})).unwrap();
    assert_eq!(network["network_interface"], "podman2");
    assert_eq!(network["driver"], "bridge");
    assert_eq!(network["id"].as_str().unwrap().len(), 64);
    let subnets = network["subnets"].as_array().unwrap();
    assert_eq!(
        subnets[0],
        json!({"subnet": "10.89.1.0/24", "gateway": "10.89.1.1"})
    );
    assert!(subnets[1]["subnet"].as_str().unwrap().starts_with("fd"));
    assert_eq!(network["ipam_options"]["driver"], "host-local");
    let again = created(&json!({"name": "n", "internal": true})).unwrap();
    assert_eq!(again["subnets"][0], json!({"subnet": "10.89.1.0/24"}));
}

#[test]
fn what_cannot_be_is_told_in_the_words_that_podman_knows() {
    for (network, words) in [
        (json!({"name": "old"}), "network already exists old"),
        (json!({"name": "a b"}), "names must match"),
        (
            json!({"network_interface": "docker0"}),
            "bridge name docker0 already in use",
        ),
        (json!({"driver": "macvlan"}), "unsupported driver"),
        (
            json!({"subnets": [{"subnet": "10.88.1.0/24"}]}),
            "is already used",
        ),
        (
            json!({"subnets": [{"subnet": "10.1.0.0/24", "gateway": "10.2.0.1"}]}),
            "gateway 10.2.0.1 not in subnet",
        ),
        (json!({"options": {"vlan": "5"}}), "vlan=5"),
    ] {
        let refusal = created(&network).unwrap_err();
        assert!(refusal.contains(words), "{refusal}");
    }
}
