//! Connections.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use rnet_model::{PortRange, Protocol};

use crate::lab::{SANDBOX, held, hold, lab, passage};

/// For what must come; nothing waits as long when all is well.
const PATIENCE: Duration = Duration::from_secs(20);

fn connect(port: u16) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(("::1", port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

#[test]
fn a_client_that_has_said_all_still_hears_the_answer() {
    lab(|lab| {
        let sockets = held(Protocol::Tcp, PortRange::one(8080));
        lab.lead(Protocol::Tcp, &sockets, 80);
        let server = TcpListener::bind("127.0.0.1:80").unwrap();
        let echo = thread::spawn(move || {
            let (mut client, _) = server.accept().unwrap();
            let mut said = Vec::new();
            // to the end: this returns only if the client's end is passed on
            client.read_to_end(&mut said).unwrap();
            client.write_all(&said).unwrap();
        });
        let question = vec![7; 4 << 20];
        let mut client = connect(8080).unwrap();
        client.write_all(&question).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).unwrap();
        assert!(answer == question);
        echo.join().unwrap();
    });
}

#[test]
fn a_server_that_does_not_read_holds_its_client_back() {
    lab(|lab| {
        let sockets = held(Protocol::Tcp, PortRange::one(8080));
        lab.lead(Protocol::Tcp, &sockets, 80);
        let server = TcpListener::bind("127.0.0.1:80").unwrap();
        let mut client = connect(8080).unwrap();
        client.set_nonblocking(true).unwrap();
        let (_unread, _) = server.accept().unwrap();
        let mut written = 0;
        // far more than all buffers on the way hold; it ends as soon as nothing was taken for a while
        let mut refused = 0;
        while refused < 20 && written < 1 << 30 {
            match client.write(&[0; 65_536]) {
                Ok(length) => (written, refused) = (written + length, 0),
                Err(_) => {
                    refused += 1;
                    thread::sleep(Duration::from_millis(10));
                }
            }
        }
        assert!(written < 64 << 20, "{written} bytes are kept somewhere");
    });
}

#[test]
fn only_clients_it_is_for_are_let_in() {
    lab(|lab| {
        let sockets = held(Protocol::Tcp, PortRange::one(8080));
        let server = TcpListener::bind("127.0.0.1:80").unwrap();
        thread::spawn(move || {
            while let Ok((mut client, _)) = server.accept() {
                client.write_all(b"hello").unwrap();
            }
        });
        let mut greeting = [0; 5];
        let others = passage(
            Protocol::Tcp,
            &sockets,
            80,
            &["2001:db8:1::/48", "fd00::/8"],
        );
        lab.relay.lead(SANDBOX, vec![others]).unwrap();
        let refused = connect(8080).and_then(|mut client| client.read_exact(&mut greeting));
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");

        let loopback = passage(Protocol::Tcp, &sockets, 80, &["fd00::/8", "::1/128"]);
        lab.relay.lead(SANDBOX, vec![loopback]).unwrap();
        connect(8080).unwrap().read_exact(&mut greeting).unwrap();
    });
}

#[test]
fn what_leads_nowhere_refuses_and_stays_held() {
    lab(|lab| {
        let sockets = held(Protocol::Tcp, PortRange::one(8080));
        assert!(connect(8080).is_err(), "it is held, and nobody listens");
        lab.lead(Protocol::Tcp, &sockets, 80);
        let server = TcpListener::bind("127.0.0.1:80").unwrap();
        let mut client = connect(8080).unwrap();
        let (mut container, _) = server.accept().unwrap();
        // the side that closes first lingers: that must not keep the port from its next holder
        container.write_all(b"x").unwrap();
        client.read_exact(&mut [0]).unwrap();

        lab.relay.lead(SANDBOX, Vec::new()).unwrap();
        let ended = client.read(&mut [0]);
        assert!(
            ended.is_err(),
            "a connection to nowhere ends aloud: {ended:?}"
        );
        assert!(connect(8080).is_err());
        assert!(
            TcpListener::bind("[::1]:8080").is_err(),
            "it is held all the same"
        );
        lab.lead(Protocol::Tcp, &sockets, 80);
        connect(8080).unwrap();
        lab.relay.lead(SANDBOX, Vec::new()).unwrap();
        drop(sockets);
        hold(Protocol::Tcp, 8080).unwrap();
    });
}

#[test]
fn connections_that_linger_hinder_no_other_target() {
    lab(|lab| {
        let sockets = held(Protocol::Tcp, PortRange::one(8080));
        for port in [80, 81] {
            lab.lead(Protocol::Tcp, &sockets, port);
            let server = TcpListener::bind(("127.0.0.1", port)).unwrap();
            let mut client = connect(8080).unwrap();
            // the container ends it first, so that the relay's end towards the client lingers
            drop(server.accept().unwrap());
            assert_eq!(client.read(&mut [0]).unwrap(), 0);
            drop(client);
        }
    });
}

#[test]
fn a_target_that_refuses_is_no_silence() {
    lab(|lab| {
        let sockets = held(Protocol::Tcp, PortRange::one(8080));
        lab.lead(Protocol::Tcp, &sockets, 80);
        let heard = connect(8080).and_then(|mut client| client.read(&mut [0]));
        assert!(heard.is_err(), "{heard:?}");
    });
}

#[test]
fn each_of_many_ports_leads_to_its_own() {
    lab(|lab| {
        let ports = PortRange::new(20_000, 23_999).unwrap();
        let sockets = held(Protocol::Tcp, ports);
        lab.lead(Protocol::Tcp, &sockets, 30_000);
        for (port, target) in [(20_000, 30_000), (22_345, 32_345), (23_999, 33_999)] {
            let server = TcpListener::bind(("127.0.0.1", target)).unwrap();
            let _client = connect(port).unwrap();
            server.accept().unwrap();
        }
    });
}
