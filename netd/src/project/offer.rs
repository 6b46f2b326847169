//! Interfaces that another runtime takes away.

use rnet_model::{EndpointId, IfName, Object, Place, Resource};

/// Leaves of what an endpoint stands on what is the host's, with the far end of its pair there as well.
///
/// What its driver would have inside the sandbox (addresses, routes, being up) is for the runtime that takes the
/// interface. None where it is no pair, so that there is nothing to take.
pub fn offered(mut resources: Vec<Resource>) -> Option<Vec<Resource>> {
    resources.retain(|it| it.place == Place::Host);
    let veth = resources.iter_mut().find_map(|it| match &mut it.object {
        Object::Veth(veth) => Some(veth),
        _ => None,
    });
    veth?.peer.sandbox = None;
    Some(resources)
}

/// What such an interface is called until it is taken.
pub fn offered_name(endpoint: EndpointId) -> IfName {
    let id = endpoint.to_string();
    format!("vpeer{}", &id[..10])
        .parse()
        .expect("vpeer and 10 hex digits are a valid name")
}
