//! The rules that lead a sandbox's questions for names to its resolver.

use netlink_sys::Socket;
use rnet_model::Protocol;

use super::{Batch, Chain, Family, Field, Hook, Point, Rule, Table, Term, open, stands};
use crate::KernelError;

const TABLE: &str = "rnet_dns";
/// Before the NAT chains of iptables and nft's `dstnat` (-100), so that rules a container makes for itself do not come
/// first; behind conntrack (-200), which if the container uses it sees the question as it was asked.
const QUESTIONS: i32 = -150;
/// Before conntrack, which then sees the answer to that question.
const ANSWERS: i32 = -300;
const RESOLVER: &[u8] = &[127, 0, 0, 11];
/// The port of DNS (RFC 1035, 4.2).
const DNS: u16 = 53;

/// Leads 127.0.0.11:53 of the namespace `socket` was opened in to these ports of 127.0.0.11, in one transaction.
///
/// What a process there binds, be it 0.0.0.0:53, makes no difference: packets are led away before a socket is looked
/// for. Ports are written into packets, without NAT: that would have the kernel track all connections of the sandbox.
/// An earlier lead is replaced. The first lead costs about 0.1 ms. After a replacement, closing the socket takes
/// an RCU grace period (15 ms): the kernel then waits for what was deleted (nft_rcv_nl_event of nf_tables_api.c).
pub(crate) fn redirect_resolver(
    socket: &Socket,
    udp_port: u16,
    tcp_port: u16,
) -> Result<(), KernelError> {
    let mut batch = Batch::new(Family::Ip, TABLE);
    // asking first is cheap; a creation that fails, and a deletion, are not
    if stands(socket, Family::Ip, TABLE)? {
        batch.replace(&table(udp_port, tcp_port));
    } else {
        batch.create(&table(udp_port, tcp_port));
    }
    batch.commit(socket)
}

/// Leads 127.0.0.11:53 of the calling thread's namespace nowhere, whether it was led or not.
///
/// Gives the socket it was done on: closing it takes an RCU grace period.
pub(crate) fn unlead_resolver() -> Result<Socket, KernelError> {
    let socket = open()?;
    if stands(&socket, Family::Ip, TABLE)? {
        let mut batch = Batch::new(Family::Ip, TABLE);
        batch.delete_table();
        batch.commit(&socket)?;
    }
    Ok(socket)
}

fn table(udp_port: u16, tcp_port: u16) -> Table {
    let question = |protocol, port, comment| {
        let terms = [
            Term::Begins(Field::Destination4, RESOLVER),
            Term::ToPort(protocol, DNS),
            Term::WritePort(protocol, Field::DestinationPort, port),
        ];
        Rule::new(comment, terms)
    };
    let answer = |protocol, port, comment| {
        let terms = [
            Term::Begins(Field::Source4, RESOLVER),
            Term::FromPort(protocol, port),
            Term::WritePort(protocol, Field::SourcePort, DNS),
        ];
        Rule::new(comment, terms)
    };
    let questions = vec![
        question(Protocol::Udp, udp_port, "questions in datagrams"),
        question(Protocol::Tcp, tcp_port, "questions over TCP"),
    ];
    let answers = vec![
        answer(Protocol::Udp, udp_port, "answers in datagrams"),
        answer(Protocol::Tcp, tcp_port, "answers over TCP"),
    ];
    let chain = |name, priority, rules| Chain {
        name,
        hook: Some(Hook::Filter(Point::Output, priority)),
        rules,
    };
    Table {
        family: Family::Ip,
        name: TABLE,
        sets: vec![],
        chains: vec![
            chain("questions", QUESTIONS, questions),
            chain("answers", ANSWERS, answers),
        ],
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::process::Command;
    use std::thread;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::nft::lonely::in_a_namespace_of_its_own;
    use crate::nft::{Elements, Listing};

    /// Answers everything with its name, over UDP and TCP, on ports of this address; the ports.
    fn serve(name: &'static str, address: &str) -> (u16, u16) {
        let udp = UdpSocket::bind(address).unwrap();
        let tcp = TcpListener::bind(address).unwrap();
        let port = |address: std::io::Result<std::net::SocketAddr>| address.unwrap().port();
        let ports = (port(udp.local_addr()), port(tcp.local_addr()));
        thread::spawn(move || {
            while let Ok((_, client)) = udp.recv_from(&mut [0; 9]) {
                udp.send_to(name.as_bytes(), client).unwrap();
            }
        });
        thread::spawn(move || {
            for client in tcp.incoming() {
                client.unwrap().write_all(name.as_bytes()).unwrap();
            }
        });
        ports
    }

    /// Who answers at 127.0.0.11:53 over UDP and TCP.
    ///
    /// The question goes by a socket that takes answers from anyone, and the answerer's address is part of the answer.
    fn ask() -> (String, String) {
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(1)))
            .unwrap();
        socket.send_to(b"who?", "127.0.0.11:53").unwrap();
        let mut answer = [0; 16];
        let (length, from) = socket.recv_from(&mut answer).unwrap();
        let udp = format!("{} at {from}", String::from_utf8_lossy(&answer[..length]));
        let mut tcp = String::new();
        let mut stream = TcpStream::connect("127.0.0.11:53").unwrap();
        stream.read_to_string(&mut tcp).unwrap();
        (udp, tcp)
    }

    fn both(name: &str) -> (String, String) {
        (format!("{name} at 127.0.0.11:53"), name.to_owned())
    }

    fn nft(commands: &str) -> String {
        let ran = Command::new("nft").arg(commands).output().unwrap();
        assert!(ran.status.success(), "{ran:?}");
        String::from_utf8(ran.stdout).unwrap()
    }

    fn loopback_up() {
        let up = Command::new("ip")
            .args(["link", "set", "lo", "up"])
            .status();
        assert!(up.unwrap().success());
    }

    #[test]
    fn questions_reach_the_resolver_past_whatever_has_port_53_and_past_the_sandboxs_own_nat() {
        in_a_namespace_of_its_own(|| {
            loopback_up();
            let socket = open().unwrap();
            serve("thief", "0.0.0.0:53");
            let (udp, tcp) = serve("resolver", "127.0.0.11:0");
            assert_eq!(ask().1, "thief");
            redirect_resolver(&socket, udp, tcp).unwrap();
            assert_eq!(ask(), both("resolver"));

            // rules of the container's own: they lead questions elsewhere, and let pass what conntrack knows
            let theirs = "table ip theirs {
                chain nat { type nat hook output priority -100
                    udp dport 53 redirect to :9
                    tcp dport 53 redirect to :9
                }
                chain output { type filter hook output priority 0; policy drop
                    ct state new ip daddr 127.0.0.11 accept
                    ct state established accept
                }
                chain input { type filter hook input priority 0; policy drop
                    ct state new ip daddr 127.0.0.11 accept
                    ct state established accept
                }
            }";
            nft(theirs);
            assert_eq!(ask(), both("resolver"));
        });
    }

    #[test]
    fn a_lead_by_nat_that_an_earlier_version_left_works_on_and_gives_way() {
        in_a_namespace_of_its_own(|| {
            loopback_up();
            let (udp, tcp) = serve("resolver", "127.0.0.11:0");
            nft(&format!(
                "table ip {TABLE} {{
                    chain output {{ type nat hook output priority -150
                        ip daddr 127.0.0.11 udp dport 53 dnat to :{udp}
                        ip daddr 127.0.0.11 tcp dport 53 dnat to :{tcp}
                    }}
                }}"
            ));
            assert_eq!(ask(), both("resolver"));
            redirect_resolver(&open().unwrap(), udp, tcp).unwrap();
            assert_eq!(ask(), both("resolver"));
            let left = nft("list ruleset");
            assert!(!left.contains("nat"), "left: {left}");
        });
    }

    #[test]
    fn the_document_shows_the_table() {
        let listing = Listing {
            table: &table(45873, 38219),
            elements: &Elements::new(),
        };
        let document = include_str!("../../../docs/firewall.md");
        let shown = format!("```nft\n{listing}```");
        assert!(
            document.contains(&shown),
            "docs/firewall.md should show {shown}"
        );
    }

    #[test]
    fn a_lead_is_replaced_and_costs_little() {
        in_a_namespace_of_its_own(|| {
            loopback_up();
            let lead = |(udp, tcp)| {
                let start = Instant::now();
                let socket = open().unwrap();
                redirect_resolver(&socket, udp, tcp).unwrap();
                let led = start.elapsed();
                drop(socket);
                (led, start.elapsed())
            };
            let first = lead(serve("first", "127.0.0.11:0"));
            assert_eq!(ask(), both("first"));
            let second = lead(serve("second", "127.0.0.11:0"));
            assert_eq!(ask(), both("second"));
            eprintln!("leading to the resolver, and with closing: {first:?}, again {second:?}");
        });
    }
}
