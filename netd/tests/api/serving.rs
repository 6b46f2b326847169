//! Serving on a socket: streams come at once, and end when the API closes.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rnet_model::ContainerId;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
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

/// An API that is served on a socket, and what closes it.
struct Served {
    host: TestHost,
    socket: PathBuf,
    close: oneshot::Sender<()>,
    ended: JoinHandle<io::Result<()>>,
}

impl Served {
    fn new() -> Self {
        let host = TestHost::new();
        let socket = host.directory.path().join("api.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let (close, closed) = oneshot::channel::<()>();
        let closed = async { drop(closed.await) };
        let daemon = Arc::clone(&host.daemon);
        Self {
            ended: tokio::spawn(netd::api::serve(vec![listener.into()], daemon, closed)),
            host,
            socket,
            close,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_request_may_be_written_to_its_end() {
    let served = Served::new();
    let mut client = UnixStream::connect(&served.socket).await.unwrap();
    client
        .write_all(
            b"POST /v1.44/images/create?fromSrc=-&repo=Bad HTTP/1.1\r\nHost: netd\r\n\
            Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        )
        .await
        .unwrap();
    let refused = read_to(&mut client, "}").await;
    assert!(refused.starts_with("HTTP/1.1 400"), "{refused}");
    let rest = vec![b'x'; 1 << 20];
    let writing = async {
        client.write_all(b"100000\r\n").await?;
        client.write_all(&rest).await?;
        client.write_all(b"\r\n0\r\n\r\n").await?;
        client
            .write_all(b"GET /_ping HTTP/1.1\r\nHost: netd\r\n\r\n")
            .await
    };
    timeout(SOON, writing).await.unwrap().unwrap();
    let next = read_to(&mut client, "\r\n\r\nOK").await;
    assert!(next.contains("HTTP/1.1 200 OK"), "{next}");
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_begin_at_once_and_end_when_the_api_closes() {
    let Served {
        host,
        socket,
        close,
        ended,
    } = Served::new();
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
    timeout(SOON, ended)
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
