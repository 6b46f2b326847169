//! Sockets and sysctls in sandboxes; the calling thread stays at home.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

use nix::mount::{MsFlags, mount};
use rnet_kernel::{Host, Kernel, KernelError, SocketKind};
use rnet_model::{Object, Place, Resource, SandboxId};

use crate::lab::{Lab, endpoint, lab, sandbox, up};

const RESOLVER: &str = "127.0.0.11:53";

#[test]
fn a_sysctl_is_set_where_it_is_wanted_and_nowhere_else() {
    lab(|lab| {
        lab.bridge();
        let it = sandbox();
        lab.ensure(&endpoint(it, 2));
        let home = fs::read_link("/proc/thread-self/ns/net").unwrap();
        let key = "net/ipv4/ip_forward";
        let set = |value: &str| Object::Sysctl {
            key: key.to_owned(),
            value: value.to_owned(),
        };
        let read = || fs::read_to_string("/proc/sys/net/ipv4/ip_forward").unwrap();

        // there and back in one call
        lab.ensure(&[
            Resource::sandbox(it, set("1")),
            Resource::host(set("0")),
            Resource::sandbox(it, set("1")),
        ]);
        assert_eq!((read().trim(), lab.within(it, read).trim()), ("0", "1"));
        lab.ensure(&[Resource::sandbox(it, set("0")), Resource::host(set("1"))]);
        assert_eq!((read().trim(), lab.within(it, read).trim()), ("1", "0"));
        lab.remove(&[Resource::host(set("1"))]);
        assert_eq!(
            read().trim(),
            "1",
            "what was there before is long out of date"
        );
        assert_eq!(fs::read_link("/proc/thread-self/ns/net").unwrap(), home);
    });
}

#[test]
fn a_sysctl_that_is_none_is_refused() {
    lab(|lab| {
        for key in [
            "net/ipv4/nonsense",
            "../../tmp/file",
            "/proc/sys/net/ipv4/ip_forward",
            "",
        ] {
            let object = Object::Sysctl {
                key: key.to_owned(),
                value: "1".to_owned(),
            };
            let error = lab
                .kernel
                .ensure_all(&[Resource::host(object)])
                .unwrap_err();
            assert!(matches!(error, KernelError::SetSysctl { .. }), "{error}");
        }
    });
}

#[test]
fn a_sysctl_that_is_as_wanted_needs_no_writing() {
    lab(|lab| {
        let (sys, none) = ("/proc/sys", None::<&str>);
        let read_only = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
        mount(Some(sys), sys, none, MsFlags::MS_BIND, none).unwrap();
        mount(none, sys, none, read_only, none).unwrap();
        let now = fs::read_to_string("/proc/sys/net/ipv4/ip_forward").unwrap();
        let other = if now.trim() == "0" { "1" } else { "0" };
        let set = |value: &str| {
            let key = "net/ipv4/ip_forward".to_owned();
            let object = Object::Sysctl {
                key,
                value: value.to_owned(),
            };
            lab.kernel.ensure_all(&[Resource::host(object)])
        };
        set(now.trim()).unwrap();
        set(other).unwrap_err();
    });
}

#[test]
fn a_socket_of_a_sandbox_is_usable_from_outside() {
    lab(|lab| {
        lab.bridge();
        let it = sandbox();
        lab.ensure(&endpoint(it, 2));
        let peer: SocketAddr = "10.1.0.1:7000".parse().unwrap();
        let server = UdpSocket::bind(peer).unwrap();
        server
            .set_read_timeout(Some(Duration::from_secs(2)))
            .unwrap();
        let sockets = lab
            .kernel
            .sockets(Place::Sandbox(it), peer, SocketKind::Datagram, 2)
            .unwrap();
        assert_eq!(sockets.len(), 2);
        for socket in sockets {
            UdpSocket::from(socket).send_to(b"hello", peer).unwrap();
            let (_, from) = server.recv_from(&mut [0; 8]).unwrap();
            assert_eq!(from.ip().to_string(), "10.1.0.2");
        }

        let error = lab
            .kernel
            .sockets(Place::Sandbox(sandbox()), peer, SocketKind::Stream, 1);
        assert!(matches!(error, Err(KernelError::NoSandbox { .. })));
        lab.kernel
            .sockets(
                Place::Host,
                "[::1]:1".parse().unwrap(),
                SocketKind::Stream,
                1,
            )
            .unwrap();
    });
}

#[test]
fn questions_for_names_get_to_the_resolver_also_where_the_container_serves_port_53_itself() {
    lab(|lab| {
        let [before, after] = [sandbox(), sandbox()];
        for it in [before, after] {
            let namespace = Resource::host(Object::Namespace(it));
            lab.ensure(&[namespace, Resource::sandbox(it, up("lo"))]);
        }
        let _early = lab.within(before, serve_53);
        answers(lab, before);
        // a daemon that starts again asks again
        answers(lab, before);
        let resolver = lab.kernel.resolver_sockets(after).unwrap();
        let _late = lab.within(after, serve_53);
        drop(resolver);
        answers(lab, after);
        let missing = lab.kernel.resolver_sockets(sandbox());
        assert!(matches!(missing, Err(KernelError::NoSandbox { .. })));
    });
}

/// What a name server in a container does.
fn serve_53() -> (UdpSocket, TcpListener) {
    (
        UdpSocket::bind("0.0.0.0:53").unwrap(),
        TcpListener::bind("0.0.0.0:53").unwrap(),
    )
}

/// Questions and answers over both transports, by sockets that are opened now.
fn answers(lab: &Lab, it: SandboxId) {
    let resolver = lab.kernel.resolver_sockets(it).unwrap();
    let client = lab.within(it, || UdpSocket::bind("127.0.0.1:0").unwrap());
    client
        .set_read_timeout(Some(Duration::from_secs(2)))
        .unwrap();
    client.send_to(b"who", RESOLVER).unwrap();
    thread::sleep(Duration::from_millis(20));
    let (_, from) = resolver
        .udp
        .recv_from(&mut [0; 8])
        .expect("sockets do not block");
    resolver.udp.send_to(b"me", from).unwrap();
    let mut answer = [0; 8];
    let (length, from) = client.recv_from(&mut answer).unwrap();
    assert_eq!(
        (&answer[..length], from.to_string().as_str()),
        (&b"me"[..], RESOLVER)
    );

    let mut client = lab.within(it, || TcpStream::connect(RESOLVER).unwrap());
    client
        .set_read_timeout(Some(Duration::from_secs(2)))
        .unwrap();
    let (mut server, _) = resolver.tcp.accept().expect("the connection is there");
    server.write_all(b"me").unwrap();
    drop(server);
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "me");
}
