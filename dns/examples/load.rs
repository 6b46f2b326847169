//! How much CPU a query for a local name costs: `cargo run --release -p rnet-dns --example load`.
//!
//! The resolver runs on one thread of its own, whose CPU time is read from /proc; a second thread asks 200 queries at
//! a time for names drawn in turn from a network of 1000. Prints queries per second and µs of CPU per query.

use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hickory_proto::op::{Message, Query};
use hickory_proto::rr::{Name, RecordType};
use rnet_dns::{EndpointNames, Forwarding, Resolver, Sockets, Transport, View};
use rnet_model::{EndpointId, NetworkId, Place, SandboxId};

const NAMES: u32 = 1_000;
const OUTSTANDING: usize = 200;
const ROUND: Duration = Duration::from_secs(2);
const SANDBOX: SandboxId = SandboxId::from_bytes([1; 32]);

/// All names are local: no server is ever asked.
struct None;

impl Sockets for None {
    fn open(
        &self,
        _: Place,
        _: SocketAddr,
        _: Transport,
        _: usize,
    ) -> std::io::Result<Vec<OwnedFd>> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("resolver")
        .enable_all()
        .build()?;
    let resolver = Resolver::new(runtime.handle().clone(), Arc::new(None));
    resolver.update(|directory| {
        (0..NAMES).for_each(|number| directory.put(endpoint(number)));
        directory.put_view(View {
            sandbox: SANDBOX,
            networks: vec![NetworkId::from_bytes([2; 32])],
            links: HashMap::new(),
            forward: Forwarding::default(),
        });
    });
    let udp = UdpSocket::bind("127.0.0.1:0")?;
    let address = udp.local_addr()?;
    resolver.serve(SANDBOX, udp, TcpListener::bind(address)?)?;
    // The thread has its name once it has run something.
    runtime.block_on(runtime.spawn(async {}))?;
    let queries = (0..NAMES).map(query).collect::<Result<Vec<_>, _>>()?;
    for _ in 0..5 {
        let (cpu, begun) = (resolver_cpu()?, Instant::now());
        let count = ask(address, &queries)?;
        let (cpu, wall) = (resolver_cpu()? - cpu, begun.elapsed());
        let per_query = cpu.as_secs_f64() * 1e6 / count as f64;
        println!(
            "{:>7.0} queries/s {per_query:>5.2} µs CPU/query",
            count as f64 / wall.as_secs_f64()
        );
    }
    Ok(())
}

fn endpoint(number: u32) -> EndpointNames {
    let mut id = [0; 32];
    id[..4].copy_from_slice(&number.to_be_bytes());
    EndpointNames {
        endpoint: EndpointId::from_bytes(id),
        network: NetworkId::from_bytes([2; 32]),
        network_name: "load".to_owned(),
        names: vec![format!("container-{number}"), format!("{number:012x}")],
        addresses: vec![Ipv4Addr::from_bits(0x0a00_0000 + number).into()],
        ports: vec![],
    }
}

fn query(number: u32) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut message = Message::query();
    message.metadata.recursion_desired = true;
    let name = Name::from_ascii(format!("container-{number}."))?;
    message.add_query(Query::query(name, RecordType::A));
    Ok(message.to_vec()?)
}

fn ask(address: SocketAddr, queries: &[Vec<u8>]) -> Result<usize, Box<dyn Error>> {
    let client = UdpSocket::bind("127.0.0.1:0")?;
    client.connect(address)?;
    client.set_read_timeout(Some(Duration::from_secs(1)))?;
    let mut next = queries.iter().cycle();
    let mut send = || next.next().map_or(Ok(0), |query| client.send(query));
    for _ in 0..OUTSTANDING {
        send()?;
    }
    let (begun, mut count, mut reply) = (Instant::now(), 0, [0; 512]);
    while begun.elapsed() < ROUND {
        let length = client.recv(&mut reply)?;
        if length < 12 || reply[3] & 15 != 0 || reply[7] != 1 {
            return Err("an answer is wrong".into());
        }
        count += 1;
        send()?;
    }
    Ok(count)
}

/// The CPU time of the resolver's thread so far.
fn resolver_cpu() -> Result<Duration, Box<dyn Error>> {
    for task in fs::read_dir("/proc/self/task")? {
        let task = task?.path();
        if fs::read_to_string(task.join("comm"))?.starts_with("resolver") {
            let stat = fs::read_to_string(task.join("schedstat"))?;
            let nanos = stat.split(' ').next().unwrap_or_default().parse()?;
            return Ok(Duration::from_nanos(nanos));
        }
    }
    Err("the resolver's thread is gone".into())
}
