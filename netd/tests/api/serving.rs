//! Serving on a socket: streams come at once, and end when the API closes.

use std::sync::Arc;
use std::time::Duration;

use rnet_model::ContainerId;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::host::TestHost;

const SOON: Duration = Duration::from_secs(5);

/// Reads until the text ends so.
async fn read_to(client: &mut UnixStream, end: &str) -> String {
    let mut text = String::new();
    let reading = async {
        while !text.ends_with(end) {
            let byte = client.read_u8().await.unwrap();
            text.push(char::from(byte));
        }
    };
    timeout(SOON, reading).await.expect("the end did not come");
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_begin_at_once_and_end_when_the_api_closes() {
    let host = TestHost::new();
    let socket = host.directory.path().join("api.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let (close, closed) = oneshot::channel::<()>();
    let daemon = Arc::clone(&host.daemon);
    let closed = async { drop(closed.await) };
    let served = tokio::spawn(netd::api::serve(listener, daemon, closed));
    let _idle = UnixStream::connect(&socket).await.unwrap();
    let mut events = UnixStream::connect(&socket).await.unwrap();
    events
        .write_all(b"GET /v1.44/events HTTP/1.1\r\nHost: netd\r\n\r\n")
        .await
        .unwrap();
    let headers = read_to(&mut events, "\r\n\r\n").await;
    assert!(headers.starts_with("HTTP/1.1 200 OK"), "{headers}");
    let id = ContainerId::from_bytes([7; 32]);
    host.daemon
        .events()
        .send("container", "start", id, [("name", "c1")]);
    let event = read_to(&mut events, "}\n").await;
    assert!(
        event.contains(r#""Action":"start""#) && event.contains(&id.to_string()),
        "{event}"
    );
    close.send(()).unwrap();
    timeout(SOON, served)
        .await
        .expect("the API did not close")
        .unwrap()
        .unwrap();
    let mut rest = Vec::new();
    timeout(SOON, events.read_to_end(&mut rest))
        .await
        .expect("the stream did not end")
        .unwrap();
    assert!(
        UnixStream::connect(&socket).await.is_err(),
        "the socket is still listened on"
    );
}
