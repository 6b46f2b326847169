//! Those that answer: each in a network namespace of its own, and clients beside it.

use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::unistd::Pid;

use crate::contestant::{Contestant, Rnet, address};
use crate::cost;
use crate::peer::Program;
use crate::world::World;

/// How long a server may take to begin to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// A query for the address of `c0` (RFC 1035, 4.1).
const QUERY: &[u8] = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x02c0\x00\x00\x01\x00\x01";

/// Somebody who knows the names `c0`, `c1` and so on.
pub(super) struct Server {
    pub(super) name: &'static str,
    /// Where its clients are.
    pub(super) clients: World,
    pub(super) address: &'static str,
    pub(super) port: String,
    runs: Runs,
}

enum Runs {
    /// In this process, that does nothing else meanwhile.
    Here(#[expect(dead_code, reason = "it serves while it is held")] Rc<Rnet>),
    /// In this one.
    There(Pid),
}

/// As containers ask it, and as the others are asked.
pub(super) fn rnet(names: u16) -> Result<[Server; 2]> {
    let rnet = Rc::new(Rnet::new()?);
    (0..names).try_for_each(|number| rnet.attach(number, 0))?;
    let server = |name, port: fn() -> Result<String>| {
        let clients = World::open(&rnet.pin(0))?;
        clients.enter()?;
        let server = Server {
            name,
            port: port()?,
            clients,
            address: "127.0.0.11",
            runs: Runs::Here(Rc::clone(&rnet)),
        };
        server.answering()
    };
    Ok([
        server("rnet", || Ok("53".to_owned()))?,
        server("rnet, at its own port", own_port)?,
    ])
}

/// Where a resolver listens in the network namespace the calling thread is in (proc_net_udp.rst).
fn own_port() -> Result<String> {
    let sockets = fs::read_to_string("/proc/thread-self/net/udp")?;
    let mut fields = sockets.split_whitespace();
    let port = fields.find_map(|field| field.strip_prefix("0B00007F:"));
    let port = port.context("no resolver listens at 127.0.0.11")?;
    Ok(u16::from_str_radix(port, 16)?.to_string())
}

pub(super) fn dnsmasq(root: &Path, names: u16) -> Result<Server> {
    let program = Program::named("dnsmasq", "dnsmasq-base")?;
    let hosts = root.join("hosts");
    fs::write(
        &hosts,
        (0..names)
            .map(|it| format!("{} c{it}\n", address(it)))
            .collect::<String>(),
    )?;
    let clients = World::new()?;
    clients.enter()?;
    let mut command = program.command();
    command.args([
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--no-resolv",
        "--no-hosts",
        "--user=root",
    ]);
    command.args([
        "--listen-address=127.0.0.1",
        "--bind-interfaces",
        "--port=5353",
        "--cache-size=0",
    ]);
    command.args(["--pid-file=", "--log-facility=-"]);
    command.arg(format!("--addn-hosts={}", hosts.display()));
    let server = Server {
        name: "dnsmasq",
        runs: Runs::There(start(command)?),
        clients,
        address: "127.0.0.1",
        port: "5353".to_owned(),
    };
    server.answering()
}

pub(super) fn aardvark(root: &Path, names: u16) -> Result<Server> {
    let program = Program::named("aardvark-dns", "aardvark-dns")?;
    let config = root.join("aardvark");
    fs::create_dir(&config)?;
    let lines = (0..names).map(|it| format!("{it:064x} {}  c{it}\n", address(it)));
    fs::write(
        config.join("bench"),
        "172.25.0.1\n".to_owned() + &lines.collect::<String>(),
    )?;
    let clients = World::new()?;
    clients.ip(
        "link add bench0 type bridge\naddress add 172.25.0.1/16 dev bench0\nlink set bench0 up",
    )?;
    let mut command = program.command();
    command
        .arg("--config")
        .arg(&config)
        .args(["--port", "5353", "run"]);
    let server = Server {
        name: "aardvark-dns",
        runs: Runs::There(start(command)?),
        clients,
        address: "172.25.0.1",
        port: "5353".to_owned(),
    };
    let server = server.answering()?;
    // the process that was started has made way for another
    let process = fs::read_to_string(config.join("aardvark.pid"))?
        .trim()
        .parse()?;
    Ok(Server {
        runs: Runs::There(Pid::from_raw(process)),
        ..server
    })
}

impl Server {
    /// The processors' time it has had.
    pub(super) fn cpu(&self) -> Result<Duration> {
        match &self.runs {
            Runs::Here(_) => cost::of_process(Pid::this()),
            Runs::There(process) => cost::of_process(*process),
        }
    }

    /// Returns once it answers.
    fn answering(self) -> Result<Self> {
        self.clients.enter()?;
        let client = UdpSocket::bind(("0.0.0.0", 0))?;
        client.set_read_timeout(Some(Duration::from_millis(50)))?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            // a refusal, for it does not listen yet, is told by the next call
            let _ = client.send_to(QUERY, format!("{}:{}", self.address, self.port));
            let Err(error) = client.recv(&mut [0; 512]) else {
                return Ok(self);
            };
            ensure!(
                Instant::now() < deadline,
                "{} does not answer: {error}",
                self.name
            );
        }
    }
}

/// Starts a server that ends with process 1 of the table's namespaces.
fn start(mut command: Command) -> Result<Pid> {
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().context("cannot start the server")?;
    Ok(Pid::from_raw(
        child.id().try_into().context("process ids are small")?,
    ))
}
