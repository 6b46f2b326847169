//! Announcing: new endpoints tell their neighbours which hardware address their addresses have, while requests go on.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use rnet_drivers::Announcements;
use rnet_kernel::Host;
use rnet_model::{Endpoint, EndpointId, Object, Veth};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::Daemon;
use super::network::find_driver;
use crate::error::chain;

/// The endpoints that have something left to say.
pub(super) struct Announcers {
    host: Arc<dyn Host>,
    tasks: Handle,
    speaking: Speaking,
}

type Speaking = Arc<Mutex<BTreeSet<EndpointId>>>;

impl Announcers {
    pub(super) fn new(host: Arc<dyn Host>, tasks: Handle) -> Self {
        Self {
            host,
            tasks,
            speaking: Speaking::default(),
        }
    }

    /// Lets an endpoint speak: at once, then after each interval, unless it is silenced before.
    fn start(&self, endpoint: &Endpoint, announcements: Announcements) -> Option<JoinHandle<()>> {
        let is_veth = |object: &Object| match object {
            Object::Veth(veth) => Some(veth.clone()),
            _ => None,
        };
        let mut objects = endpoint.resources.iter().map(|resource| &resource.object);
        let veth = objects
            .find_map(is_veth)
            .filter(|_| announcements.count > 0)?;
        let own = endpoint.addresses.iter().map(|cidr| cidr.ip());
        let addresses = own
            .chain(endpoint.settings.link_local.iter().copied())
            .collect();
        let (host, speaking, id) = (
            Arc::clone(&self.host),
            Arc::clone(&self.speaking),
            endpoint.id,
        );
        locked(&speaking).insert(id);
        Some(self.tasks.spawn(async move {
            speak(host, &speaking, id, veth, addresses, announcements).await;
            locked(&speaking).remove(&id);
        }))
    }

    /// Lets these endpoints say nothing more: what they would say is no longer true.
    pub(super) fn silence(&self, endpoints: &[EndpointId]) {
        let mut speaking = locked(&self.speaking);
        endpoints.iter().for_each(|id| _ = speaking.remove(id));
    }
}

impl Daemon {
    /// Lets new endpoints announce themselves as their networks have it.
    pub(super) fn announce(&self, endpoints: &[EndpointId]) {
        self.read(|state| {
            for endpoint in endpoints.iter().filter_map(|id| state.endpoint(*id)) {
                let network = state.network(endpoint.network);
                let announcements = network.and_then(|network| {
                    let driver = find_driver(&network.driver).ok()?;
                    let mixed = state.addresses(network.id).are_mixed();
                    driver.announcements(network, mixed).ok()
                });
                self.announcers
                    .start(endpoint, announcements.unwrap_or(Announcements::NONE));
            }
        });
    }
}

async fn speak(
    host: Arc<dyn Host>,
    speaking: &Speaking,
    endpoint: EndpointId,
    veth: Veth,
    addresses: Vec<IpAddr>,
    announcements: Announcements,
) {
    let said = Arc::new((veth, addresses));
    for turn in 0..announcements.count {
        if turn > 0 {
            sleep(announcements.interval).await;
        }
        if !locked(speaking).contains(&endpoint) {
            return;
        }
        let (host, said) = (Arc::clone(&host), Arc::clone(&said));
        let told = tokio::task::spawn_blocking(move || host.announce(&said.0, &said.1)).await;
        match told {
            Ok(Ok(())) => {}
            // nobody is told of an endpoint that leaves meanwhile
            Ok(Err(error)) => return tracing::debug!("not announced: {}", chain(&error)),
            Err(_) => return,
        }
    }
}

fn locked(speaking: &Speaking) -> std::sync::MutexGuard<'_, BTreeSet<EndpointId>> {
    speaking.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rnet_kernel::Kernel as _;
    use rnet_kernel::fake::FakeKernel;
    use rnet_model::{NetworkId, Phase, Resource, SandboxId, VethPeer};

    use super::*;

    const SANDBOX: SandboxId = SandboxId::from_bytes([5; 32]);

    fn endpoint() -> Endpoint {
        let veth = Veth {
            name: "vethx".parse().unwrap(),
            bridge: "br-x".parse().unwrap(),
            isolated: false,
            hairpin: false,
            mtu: None,
            peer: VethPeer {
                sandbox: Some(SANDBOX),
                name: "eth0".parse().unwrap(),
                mac: "02:00:00:00:00:01".parse().unwrap(),
            },
        };
        Endpoint {
            id: EndpointId::from_bytes([7; 32]),
            network: NetworkId::from_bytes([8; 32]),
            sandbox: SANDBOX,
            phase: Phase::Attached,
            ifname: veth.peer.name.clone(),
            mac: veth.peer.mac,
            addresses: vec![
                "172.25.0.2/16".parse().unwrap(),
                "fd00::2/64".parse().unwrap(),
            ],
            names: vec![],
            settings: Default::default(),
            resources: vec![Resource::host(Object::Veth(veth))],
            shard: 0,
            joined: None,
        }
    }

    fn announcers() -> (Announcers, Arc<FakeKernel>) {
        let machine = Arc::new(FakeKernel::new());
        let namespace = Resource::host(Object::Namespace(SANDBOX));
        machine.ensure_all(&[namespace]).unwrap();
        (Announcers::new(machine.clone(), Handle::current()), machine)
    }

    const fn every_millisecond(count: u64) -> Announcements {
        Announcements {
            count,
            interval: Duration::from_millis(1),
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_endpoint_tells_of_all_its_addresses_as_often_as_its_network_has_it() {
        let (announcers, machine) = announcers();
        assert!(announcers.start(&endpoint(), Announcements::NONE).is_none());
        announcers
            .start(&endpoint(), every_millisecond(3))
            .unwrap()
            .await
            .unwrap();
        let told = machine.announced();
        assert_eq!(told.len(), 3);
        let addresses: Vec<IpAddr> = ["172.25.0.2", "fd00::2"]
            .map(|it| it.parse().unwrap())
            .into();
        assert!(
            told.iter()
                .all(|(peer, told)| peer.mac == endpoint().mac && *told == addresses)
        );
        assert!(locked(&announcers.speaking).is_empty());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_endpoint_that_left_says_nothing_more() {
        let (announcers, _machine) = announcers();
        let speech = announcers
            .start(&endpoint(), every_millisecond(u64::MAX))
            .unwrap();
        announcers.silence(&[endpoint().id]);
        // it would go on for ever
        speech.await.unwrap();
    }
}
