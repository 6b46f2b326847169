//! A name server that knows one address, and says it for every name.

use std::net::UdpSocket;

use anyhow::{Context, Result};

/// What every name stands for.
pub const EVERYWHERE: [u8; 4] = [203, 0, 113, 7];

/// The length of a message's header: RFC 1035, section 4.1.1.
const HEADER: usize = 12;

/// Answers queries by UDP on port 53 of an address until it is killed.
pub fn serve(address: &str) -> Result<()> {
    let socket = UdpSocket::bind((address, 53)).context("cannot listen on port 53")?;
    let mut query = [0; 512];
    loop {
        let (length, asker) = socket
            .recv_from(&mut query)
            .context("cannot receive a query")?;
        if let Some(answer) = answer(&query[..length]) {
            // whoever does not hear it asks again
            let _ = socket.send_to(&answer, asker);
        }
    }
}

/// An address for a question about one; an empty answer for another question.
fn answer(query: &[u8]) -> Option<Vec<u8>> {
    let name = query.get(HEADER..)?.iter().position(|byte| *byte == 0)?;
    let question = query.get(HEADER..HEADER + name + 5)?;
    let is_address = question[name + 1..] == [0, 1, 0, 1];
    let mut answer = query[..2].to_vec();
    // a response, recursion available; one question, no authority, nothing additional
    answer.extend([0x81, 0x80, 0, 1, 0, u8::from(is_address), 0, 0, 0, 0]);
    answer.extend(question);
    if is_address {
        // the question's name, type A, class IN, for a minute
        answer.extend([0xc0, HEADER as u8, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        answer.extend(EVERYWHERE);
    }
    Some(answer)
}
