//! The daemon's way to send two outputs over one stream (docker.md 4.4):
//!
//! ```text
//! | stream 0..3 | 0 0 0 | length u32, big endian | payload |   again and again, until the stream ends
//! ```

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::error::{Error, Result};

const CHUNK: usize = 16 * 1024;

/// Writes what comes `from` the daemon to `out` and `err` as it comes, until it ends.
///
/// # Errors
///
/// When the stream breaks off within a frame, when the daemon reports an error in it, or when
/// `out` or `err` take no more.
pub(crate) async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut out: impl AsyncWrite + Unpin,
    mut err: impl AsyncWrite + Unpin,
) -> Result<()> {
    let mut header = [0; 8];
    while from.read(&mut header[..1]).await.map_err(Error::broken)? == 1 {
        from.read_exact(&mut header[1..])
            .await
            .map_err(Error::broken)?;
        let [stream, _, _, _, length @ ..] = header;
        let length = u64::from(u32::from_be_bytes(length));
        let payload = (&mut from).take(length);
        let copied = match stream {
            0 | 1 => raw(payload, &mut out).await?,
            2 => raw(payload, &mut err).await?,
            _ => return Err(reported(payload).await),
        };
        if copied < length {
            return Err(Error::broken("the stream ended within a frame"));
        }
    }
    Ok(())
}

/// Writes all that comes `from` the daemon `to` somewhere as it comes; returns how much it was.
pub(crate) async fn raw(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
) -> Result<u64> {
    let mut chunk = [0; CHUNK];
    let mut copied = 0;
    loop {
        let read = from.read(&mut chunk).await.map_err(Error::broken)?;
        if read == 0 {
            return Ok(copied);
        }
        to.write_all(&chunk[..read]).await.map_err(Error::Output)?;
        to.flush().await.map_err(Error::Output)?;
        copied += read as u64;
    }
}

/// The error that a frame of the daemon's own carries.
async fn reported(mut payload: impl AsyncRead + Unpin) -> Error {
    let mut message = Vec::new();
    match payload.read_to_end(&mut message).await {
        Ok(_) => Error::Daemon {
            status: 500,
            message: String::from_utf8_lossy(&message).into(),
        },
        Err(source) => Error::broken(source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn copied(stream: &[u8]) -> (Result<()>, Vec<u8>, Vec<u8>) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let result = copy(stream, &mut out, &mut err).await;
        (result, out, err)
    }

    fn frame(stream: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&[stream, 0, 0, 0], length.as_slice(), payload].concat()
    }

    #[tokio::test]
    async fn the_two_outputs_come_apart_again() {
        let long = vec![b'x'; 3 * CHUNK];
        let stream = [
            frame(1, b"one\n"),
            frame(2, b"two\n"),
            frame(1, b""),
            frame(1, &long),
        ];
        let (result, out, err) = copied(&stream.concat()).await;
        result.unwrap();
        assert_eq!(out, [b"one\n".as_slice(), &long].concat());
        assert_eq!(err, b"two\n");
    }

    #[tokio::test]
    async fn a_stream_that_breaks_off_is_an_error_after_what_it_brought() {
        let mut stream = frame(1, b"whole");
        stream.truncate(10);
        let (result, out, _) = copied(&stream).await;
        assert!(matches!(result, Err(Error::Broken { .. })));
        assert_eq!(out, b"wh");
        let (result, ..) = copied(&stream[..5]).await;
        assert!(matches!(result, Err(Error::Broken { .. })));
    }

    #[tokio::test]
    async fn an_error_of_the_daemon_comes_as_a_frame_too() {
        let (result, ..) = copied(&frame(3, b"no more logs")).await;
        assert_eq!(result.unwrap_err().to_string(), "no more logs");
    }
}
