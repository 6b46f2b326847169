//! A program in a container that asks for one name again and again, as glibc's resolver would, and tells how it went.

use std::io::ErrorKind;
use std::net::UdpSocket;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// How long an answer is waited for: resolv.conf(5), `timeout`.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long after an answer the next question comes.
const PAUSE: Duration = Duration::from_millis(2);

/// Asks 127.0.0.11 for the IPv4 address of `name` until there is a file `enough`, once more, and prints how many
/// questions there were, how many had no answer with one address, and the longest wait in milliseconds.
pub fn ask(name: &str, enough: &str) -> Result<()> {
    let (mut asked, mut failed, mut longest) = (0_u16, 0, Duration::ZERO);
    loop {
        let last = Path::new(enough).exists();
        let begun = Instant::now();
        if !is_answered(name, asked)? {
            failed += 1;
        }
        asked += 1;
        longest = longest.max(begun.elapsed());
        if last {
            break;
        }
        sleep(PAUSE);
    }
    println!("{asked} {failed} {}", longest.as_millis());
    Ok(())
}

fn is_answered(name: &str, id: u16) -> Result<bool> {
    let socket = UdpSocket::bind("0.0.0.0:0").context("cannot open a socket")?;
    socket.connect("127.0.0.11:53").context("cannot connect")?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let mut answer = [0; 512];
    let exchange = socket
        .send(&question(name, id))
        .and_then(|_| socket.recv(&mut answer));
    match exchange {
        // RFC 1035, 4.1.1: the id, NOERROR, one record in the answer
        Ok(_) => Ok(answer[..2] == id.to_be_bytes() && answer[3] & 15 == 0 && answer[7] == 1),
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::ConnectionRefused | ErrorKind::WouldBlock
            ) =>
        {
            Ok(false)
        }
        Err(error) => Err(error).context("cannot ask"),
    }
}

fn question(name: &str, id: u16) -> Vec<u8> {
    let mut bytes = id.to_be_bytes().to_vec();
    // recursion desired, one question
    bytes.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        bytes.push(label.len() as u8);
        bytes.extend(label.as_bytes());
    }
    // the root, type A, class IN
    bytes.extend([0, 0, 1, 0, 1]);
    bytes
}
