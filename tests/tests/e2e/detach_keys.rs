//! Leaving a container's terminal by keys, as the daemon sees it: clients that look for none themselves.

use anyhow::{Result, ensure};
use rnet_tests::Lab;

use crate::on_lab;

/// Attaches or execs over the socket, types, and stays until the daemon ends the connection.
const CLIENT: &str = r#"
import socket, sys
path, body, typed = sys.argv[1], sys.argv[2], sys.argv[3].encode().decode('unicode_escape').encode('latin1')
s = socket.socket(socket.AF_UNIX)
s.settimeout(60)
s.connect('/run/rnet/rnet.sock')
head = f'POST {path} HTTP/1.1\r\nHost: d\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n'
head += f'Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}'
s.sendall(head.encode())
heard = b''
while b'\r\n\r\n' not in heard:
    heard += s.recv(1)
print(heard.split(b'\r\n')[0].decode())
if b' 101 ' in heard:
    s.sendall(typed)
    while s.recv(4096):
        pass
"#;

fn types(lab: &Lab, path: &str, body: &str, keys: &str) -> Result<String> {
    let program = lab.directory().join("client.py");
    std::fs::write(&program, CLIENT)?;
    lab.host(&format!(
        "python3 {} '{path}' '{body}' '{keys}'",
        program.display()
    ))
}

#[test]
fn a_terminal_is_left_by_the_keys_and_its_process_stays() -> Result<()> {
    on_lab(|lab| {
        lab.host("rnet run -d -i -t --name c1 busybox cat")?;
        let attach = "/containers/c1/attach?stream=1&stdin=1&stdout=1";
        let running = || -> Result<()> {
            let running = lab.host("rnet inspect -f '{{.State.Running}}' c1")?;
            ensure!(running == "true");
            Ok(())
        };
        for (keys, typed) in [
            ("", "ab\\x10\\x11"),
            ("&detachKeys=ctrl-a,d", "\\x10\\x11\\x01d"),
        ] {
            let status = types(lab, &format!("{attach}{keys}"), "", typed)?;
            ensure!(status.contains(" 101 "), "{status}");
            running()?;
        }
        let refused = types(lab, &format!("{attach}&detachKeys=ctrl-"), "", "")?;
        ensure!(refused.contains(" 400 "), "{refused}");
        let id = lab.host(
            "curl -s --unix-socket /run/rnet/rnet.sock -H 'Content-Type: application/json' \
             -d '{\"Cmd\":[\"cat\"],\"Tty\":true,\"AttachStdin\":true,\"AttachStdout\":true,\"DetachKeys\":\"x\"}' \
             http://d/containers/c1/exec | sed 's/.*\"Id\":\"//; s/\".*//'",
        )?;
        let status = types(lab, &format!("/exec/{id}/start"), "{\"Tty\":true}", "abx")?;
        ensure!(status.contains(" 101 "), "{status}");
        running()
    })
}
