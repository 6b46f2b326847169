//! Which names a sandbox sees, and what stands behind them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::IpAddr;

use rnet_dns::{Directory, EndpointNames, Forwarding, View};
use rnet_model::{EndpointId, NetworkId, SandboxId};

const FRONT: NetworkId = NetworkId::from_bytes([1; 32]);
const BACK: NetworkId = NetworkId::from_bytes([2; 32]);
const SANDBOX: SandboxId = SandboxId::from_bytes([9; 32]);

fn endpoint(number: u8, network: NetworkId, names: &[&str], ips: &[&str]) -> EndpointNames {
    EndpointNames {
        endpoint: EndpointId::from_bytes([number; 32]),
        network,
        network_name: if network == FRONT {
            "Front"
        } else {
            "back.end"
        }
        .to_owned(),
        names: names.iter().map(|&name| name.to_owned()).collect(),
        addresses: ips.iter().map(|ip| ip.parse().unwrap()).collect(),
        ports: vec![],
    }
}

fn view(networks: &[NetworkId], links: &[(&str, &str)]) -> View {
    let links = links
        .iter()
        .map(|&(alias, name)| (alias.to_owned(), name.to_owned()));
    View {
        sandbox: SANDBOX,
        networks: networks.to_vec(),
        links: links.collect(),
        forward: Forwarding::default(),
    }
}

fn directory(view: View, endpoints: impl IntoIterator<Item = EndpointNames>) -> Directory {
    let mut directory = Directory::default();
    directory.put_view(view);
    endpoints.into_iter().for_each(|names| directory.put(names));
    directory
}

fn find(directory: &Directory, name: &str) -> Option<Vec<String>> {
    let found = directory.addresses(SANDBOX, name, |_| true)?;
    Some(found.iter().map(IpAddr::to_string).collect())
}

#[track_caller]
fn assert_finds(directory: &Directory, name: &str, ip: &str) {
    assert_eq!(find(directory, name), Some(vec![ip.to_owned()]), "{name}");
}

#[test]
fn a_name_is_found_alone_and_with_its_network_and_on_the_first_network_that_has_it() {
    let both = [
        endpoint(1, FRONT, &["Web", "a.b", "c0ffee"], &["10.0.0.2"]),
        endpoint(2, BACK, &["web", "a"], &["10.1.0.2"]),
    ];
    let forth = directory(view(&[FRONT, BACK], &[]), both.clone());
    assert_finds(&forth, "web", "10.0.0.2");
    assert_finds(&forth, "web.front", "10.0.0.2");
    assert_finds(&forth, "web.back.end", "10.1.0.2");
    assert_finds(&forth, "a.b", "10.0.0.2");
    assert_finds(&forth, "a.b.front", "10.0.0.2");
    assert_eq!(find(&forth, "web.end"), None);
    assert_eq!(find(&forth, "front"), None);
    let back = directory(view(&[BACK, FRONT], &[]), both);
    assert_finds(&back, "web", "10.1.0.2");
}

#[test]
fn a_name_of_a_network_that_the_sandbox_is_not_on_is_unknown_and_so_is_everything_without_a_view() {
    let web = endpoint(1, BACK, &["web"], &["10.1.0.2"]);
    let mut other = directory(view(&[FRONT], &[]), [web.clone()]);
    assert_eq!(find(&other, "web"), None);
    assert_eq!(find(&other, "web.back.end"), None);
    assert_eq!(other.name_of(SANDBOX, "10.1.0.2".parse().unwrap()), None);
    other.put_view(view(&[FRONT, BACK], &[]));
    assert_finds(&other, "web", "10.1.0.2");
    other.remove_view(SANDBOX);
    assert_eq!(find(&other, "web"), None);
}

#[test]
fn a_name_that_several_endpoints_hold_stands_for_all_of_them_until_the_last_leaves() {
    let mut shared = directory(
        view(&[FRONT], &[]),
        [
            endpoint(1, FRONT, &["one", "web"], &["10.0.0.2"]),
            endpoint(2, FRONT, &["two", "web"], &["10.0.0.3"]),
        ],
    );
    let both = Some(vec!["10.0.0.2".to_owned(), "10.0.0.3".to_owned()]);
    assert_eq!(find(&shared, "web"), both);
    shared.remove(EndpointId::from_bytes([1; 32]));
    assert_finds(&shared, "web", "10.0.0.3");
    shared.remove(EndpointId::from_bytes([2; 32]));
    assert_eq!(find(&shared, "web"), None);
}

#[test]
fn a_name_of_the_other_family_only_is_known_without_an_address() {
    let known = directory(
        view(&[FRONT, BACK], &[]),
        [
            endpoint(1, FRONT, &["web"], &["10.0.0.2"]),
            endpoint(2, BACK, &["web"], &["10.1.0.2", "fd00::2"]),
        ],
    );
    let v6 = |name| known.addresses(SANDBOX, name, IpAddr::is_ipv6);
    assert_eq!(v6("web.front"), Some(vec![]));
    assert_eq!(v6("web"), Some(vec!["fd00::2".parse().unwrap()]));
    assert_eq!(v6("nobody"), None);
}

#[test]
fn a_link_comes_before_a_name_of_the_network_and_is_the_sandboxs_own() {
    let endpoints = [
        endpoint(1, FRONT, &["db"], &["10.0.0.2"]),
        endpoint(2, FRONT, &["db-2"], &["10.0.0.3"]),
    ];
    let linked = directory(
        view(&[FRONT], &[("DB", "Db-2"), ("gone", "nobody")]),
        endpoints,
    );
    assert_finds(&linked, "db", "10.0.0.3");
    assert_finds(&linked, "db.front", "10.0.0.3");
    assert_eq!(find(&linked, "gone"), None);
}

#[test]
fn a_renamed_endpoint_loses_its_old_names_and_addresses() {
    let mut renamed = directory(
        view(&[FRONT], &[]),
        [endpoint(1, FRONT, &["old"], &["10.0.0.2"])],
    );
    renamed.put(endpoint(1, FRONT, &["new."], &["10.0.0.3"]));
    assert_eq!(find(&renamed, "old"), None);
    assert_finds(&renamed, "new", "10.0.0.3");
    assert_eq!(renamed.name_of(SANDBOX, "10.0.0.2".parse().unwrap()), None);
}

#[test]
fn an_address_leads_back_to_its_endpoints_first_name_even_after_it_was_handed_on() {
    let mut directory = directory(
        view(&[FRONT], &[]),
        [
            endpoint(1, FRONT, &["Old", "web"], &["10.0.0.2"]),
            endpoint(2, FRONT, &["new", "web"], &["10.0.0.2"]),
        ],
    );
    directory.remove(EndpointId::from_bytes([1; 32]));
    let name = directory.name_of(SANDBOX, "10.0.0.2".parse().unwrap());
    assert_eq!(name.as_deref(), Some("new.Front"));
}
