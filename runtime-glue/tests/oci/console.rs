//! Terminals: made in the container, and handed to who asked for one.

use std::fs::File;
use std::io::{Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};
use serde_json::json;

use crate::lab::Lab;

#[test]
fn a_terminal_goes_to_the_console_socket() {
    let lab = Lab::new();
    let mut config = lab.config("tty; stty size; ls -l /dev/console | cut -c1-3; read line; echo got $line > /dev/console; sleep 1000");
    config["process"]["terminal"] = json!(true);
    config["process"]["consoleSize"] = json!({"height": 24, "width": 99});
    lab.write(&config);
    let path = lab.directory.path().join("console.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let id = lab.id();
    let made = lab.rnet(&["create", "--console-socket", path.to_str().unwrap(), &id]);
    assert_eq!(made.code, 0, "{made:?}");
    let mut terminal = received(&listener);
    assert_eq!(lab.rnet(&["start", &id]).code, 0);
    terminal.write_all(b"words\n").unwrap();
    let mut shown = String::new();
    let mut byte = [0; 1];
    while !shown.contains("got words") {
        assert_eq!(terminal.read(&mut byte).unwrap(), 1);
        shown.push(byte[0] as char);
    }
    assert!(
        shown.contains("/dev/pts/0\r\n24 99\r\ncrw\r\n"),
        "{shown:?}"
    );
    let added = lab.rnet(&[
        "exec",
        "--tty",
        "--detach",
        "--console-socket",
        path.to_str().unwrap(),
        &id,
        "sh",
        "-c",
        "tty; sleep 1000",
    ]);
    assert_eq!(added.code, 0, "{added:?}");
    let mut shown = [0; 10];
    received(&listener).read_exact(&mut shown).unwrap();
    assert_eq!(&shown, b"/dev/pts/1");
}

#[test]
fn a_terminal_without_anywhere_to_go_is_refused() {
    let lab = Lab::new();
    let mut config = lab.config("true");
    config["process"]["terminal"] = json!(true);
    lab.write(&config);
    let made = lab.rnet(&["create", &lab.id()]);
    assert!(
        made.code == 1 && made.err.contains("needs --console-socket"),
        "{made:?}"
    );
    config["process"]["terminal"] = json!(false);
    lab.write(&config);
    let path = lab.directory.path().join("console.sock");
    let _listener = UnixListener::bind(&path).unwrap();
    let made = lab.rnet(&[
        "create",
        "--console-socket",
        path.to_str().unwrap(),
        &lab.id(),
    ]);
    assert!(
        made.code == 1 && made.err.contains("for process.terminal only"),
        "{made:?}"
    );
    assert!(lab.left().is_empty());
}

/// What came over the socket: the other end of a terminal.
fn received(listener: &UnixListener) -> File {
    let (socket, _) = listener.accept().unwrap();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut name = [0; 64];
    let mut buffers = [std::io::IoSliceMut::new(&mut name)];
    rustix::net::recvmsg(&socket, &mut buffers, &mut ancillary, RecvFlags::empty()).unwrap();
    let terminal: Option<OwnedFd> = ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    terminal.expect("a terminal was sent").into()
}
