//! A server of datagrams that tells its name, and a client that keeps its port.

use std::net::UdpSocket;
use std::time::Duration;

use anyhow::{Context, Result};

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_millis(500);

/// Answers every datagram with a name.
pub fn serve(address: &str, name: &str) -> Result<()> {
    let socket = UdpSocket::bind(address).with_context(|| format!("cannot bind {address}"))?;
    loop {
        let (_, client) = socket.recv_from(&mut [0; 64]).context("cannot receive")?;
        // a client that is gone needs no answer
        let _ = socket.send_to(name.as_bytes(), client);
    }
}

/// Prints what a server answers to a datagram from `own`.
pub fn ask(own: &str, server: &str) -> Result<()> {
    let socket = UdpSocket::bind(own).with_context(|| format!("cannot bind {own}"))?;
    socket
        .set_read_timeout(Some(PATIENCE))
        .context("cannot limit patience")?;
    socket.send_to(b"who?", server).context("cannot send")?;
    let mut answer = [0; 64];
    let (length, _) = socket.recv_from(&mut answer).context("no answer")?;
    println!("{}", String::from_utf8_lossy(&answer[..length]));
    Ok(())
}
