//! Servers that behave well: Hickory's, each with one zone, `example.com.`, in memory.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::thread;

use hickory_proto::rr::rdata::SOA;
use hickory_proto::rr::{LowerName, Name, RData, Record};
use hickory_server::Server as Hickory;
use hickory_server::net::runtime::{Time, TokioRuntimeProvider};
use hickory_server::net::xfer::Protocol;
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{AxfrPolicy, Catalog, ZoneType};
use tokio::net::{TcpListener, UdpSocket};
use tokio::runtime::Builder;
use tokio::sync::Semaphore;

use super::server::{Asked, Server};
use super::{PATIENCE, sockets};

const ZONE: &str = "example.com.";

/// What a server knows.
pub(crate) struct Zone {
    records: Vec<Record>,
    /// For how many seconds its denials may be believed.
    denied_for: u32,
}

impl Zone {
    /// A zone without names.
    pub(crate) fn empty(denied_for: u32) -> Self {
        let records = vec![];
        Self {
            records,
            denied_for,
        }
    }

    /// One in which every name has these addresses, for so many seconds.
    pub(crate) fn of(addresses: impl IntoIterator<Item = [u8; 4]>, ttl: u32) -> Self {
        let name = Name::from_ascii(format!("*.{ZONE}")).unwrap();
        let record = |address| {
            let data = RData::from(Ipv4Addr::from(address));
            Record::from_rdata(name.clone(), ttl, data)
        };
        Self {
            records: addresses.into_iter().map(record).collect(),
            denied_for: 60,
        }
    }

    fn catalog(self) -> Catalog {
        let name = Name::from_ascii(ZONE).unwrap();
        let (primary, policy) = (ZoneType::Primary, AxfrPolicy::Deny);
        let mut zone =
            InMemoryZoneHandler::<TokioRuntimeProvider>::empty(name.clone(), primary, policy);
        let soa = SOA::new(name.clone(), name.clone(), 1, 2, 3, 4, self.denied_for);
        let soa = Record::from_rdata(name.clone(), 3_600, RData::SOA(soa));
        for record in self.records.into_iter().chain([soa]) {
            assert!(zone.upsert_mut(record, 1));
        }
        let mut catalog = Catalog::new();
        catalog.upsert(LowerName::new(&name), vec![Arc::new(zone)]);
        catalog
    }
}

impl Server {
    /// A server that has this address for every name.
    pub(crate) fn with(address: [u8; 4]) -> Self {
        Self::of(Zone::of([address], 300))
    }

    /// A server of this zone.
    pub(crate) fn of(zone: Zone) -> Self {
        let server = Self::held(zone);
        server.release();
        server
    }

    /// One that is asked, and waits until it is released.
    pub(crate) fn held(zone: Zone) -> Self {
        let (address, udp, tcp) = sockets();
        let server = Self {
            address,
            asked: Arc::default(),
            gate: Arc::new(Semaphore::new(0)),
        };
        let handler = Watched {
            catalog: zone.catalog(),
            asked: Arc::clone(&server.asked),
            gate: Arc::clone(&server.gate),
        };
        thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut hickory = Hickory::new(handler);
                udp.set_nonblocking(true).unwrap();
                tcp.set_nonblocking(true).unwrap();
                hickory.register_socket(UdpSocket::from_std(udp).unwrap());
                hickory.register_listener(TcpListener::from_std(tcp).unwrap(), PATIENCE, 32);
                hickory.block_until_done().await.unwrap();
            });
        });
        server
    }
}

/// A catalog that tells what it was asked, and answers when it may.
struct Watched {
    catalog: Catalog,
    asked: Arc<Asked>,
    gate: Arc<Semaphore>,
}

#[async_trait::async_trait]
impl RequestHandler for Watched {
    async fn handle_request<R: ResponseHandler, T: Time>(
        &self,
        request: &Request,
        reply: R,
    ) -> ResponseInfo {
        let stream = request.protocol() == Protocol::Tcp;
        self.asked.note(request.as_slice(), stream);
        let _open = self.gate.acquire().await.unwrap();
        self.catalog.handle_request::<R, T>(request, reply).await
    }
}
