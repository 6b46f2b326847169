//! Registries that answer badly, slowly or not at all: what is told of each, and what was kept.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rnet_registry::{Blob, Login, Purpose, Reach, RegistryError, Repository, Secret};
use sha2::{Digest, Sha256};

/// What a registry does with a request.
enum Reply {
    /// Answers.
    Whole(u16, &'static str, Vec<u8>),
    /// Promises that many bytes more than it sends.
    Cut(u16, usize, Vec<u8>),
    /// Says nothing.
    Hang,
}

/// A request: its path, and where it wants to begin.
struct Asked {
    path: String,
    from: Option<usize>,
    authorization: bool,
}

/// A registry on the loopback; where it is.
fn registry(answer: impl Fn(Asked) -> Reply + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let answer = Arc::new(answer);
    // both end with the test's process
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let answer = Arc::clone(&answer);
            std::thread::spawn(move || converse(&stream.unwrap(), &*answer));
        }
    });
    address
}

/// One request a connection; whoever does not speak HTTP is hung up on.
fn converse(stream: &TcpStream, answer: &dyn Fn(Asked) -> Reply) -> Option<()> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let request = lines.next()?;
    let path = request
        .split(' ')
        .nth(1)
        .filter(|_| request.ends_with(" HTTP/1.1"))?
        .to_owned();
    let head: Vec<String> = lines
        .take_while(|line| !line.is_empty())
        .map(|it| it.to_lowercase())
        .collect();
    let from = head.iter().find_map(|line| {
        line.strip_prefix("range: bytes=")?
            .strip_suffix('-')?
            .parse()
            .ok()
    });
    let authorization = head.iter().any(|line| line.starts_with("authorization:"));
    let (status, headers, body, missing) = match answer(Asked {
        path,
        from,
        authorization,
    }) {
        Reply::Whole(status, headers, body) => (status, headers, body, 0),
        Reply::Cut(status, missing, body) => (status, "", body, missing),
        Reply::Hang => {
            std::thread::park();
            return None;
        }
    };
    let length = body.len() + missing;
    let head = format!(
        "HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n"
    );
    let mut out = stream;
    out.write_all(head.as_bytes()).ok()?;
    out.write_all(&body).ok()
}

fn blob(content: &[u8]) -> Blob {
    let digits: String = Sha256::digest(content)
        .iter()
        .map(|it| format!("{it:02x}"))
        .collect();
    Blob {
        digest: format!("sha256:{digits}"),
        size: content.len() as u64,
    }
}

fn impatient() -> Reach {
    Reach {
        patience: Duration::from_millis(500),
        pause: Duration::from_millis(1),
        ..Reach::default()
    }
}

async fn open(address: &str, login: Login) -> Result<Repository, RegistryError> {
    Repository::open(&impatient(), address, "app", login, Purpose::Pull).await
}

/// What fetching a manifest comes to, where everything is answered so.
async fn manifest(status: u16, body: &'static str) -> String {
    let address = registry(move |asked| match asked.path.as_str() {
        "/v2/" => Reply::Whole(200, "", Vec::new()),
        _ => Reply::Whole(status, "", body.into()),
    });
    let repository = open(&address, Login::Anonymous).await.unwrap();
    let error = repository.manifest("1").await.unwrap_err().to_string();
    error.replace(&address, "HOST")
}

#[tokio::test]
async fn what_a_registry_refuses_is_told_in_dockers_words() {
    let unknown = r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#;
    let denied =
        "pull access denied for app, repository does not exist or may require 'docker login'";
    for (status, body, told) in [
        (
            404,
            unknown,
            "manifest for HOST/app:1 not found: manifest unknown: manifest unknown",
        ),
        (404, "not here", "manifest for HOST/app:1 not found"),
        (401, "", denied),
        (
            403,
            r#"{"errors":[{"code":"DENIED","message":"no"}]}"#,
            denied,
        ),
        (
            429,
            r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"later"}]}"#,
            "registry HOST refused: later",
        ),
        (
            500,
            "<html>\nbroken",
            "registry HOST answered with status 500: <html>",
        ),
    ] {
        let error = manifest(status, body).await;
        assert!(error.starts_with(told), "{status}: {error}");
    }
}

#[tokio::test]
async fn a_registry_that_hangs_is_given_up() {
    let address = registry(|_| Reply::Hang);
    let error = open(&address, Login::Anonymous).await.err().unwrap();
    assert_eq!(
        error.to_string(),
        format!("registry {address} does not answer")
    );
}

#[tokio::test]
async fn a_login_that_is_wrong_is_told_and_one_that_is_none_is_not_sent() {
    let challenge = "www-authenticate: Basic realm=\"lab\"\r\n";
    let address = registry(move |asked| match asked.authorization {
        true => Reply::Whole(401, challenge, b"known".to_vec()),
        false => Reply::Whole(401, challenge, Vec::new()),
    });
    let login = Login::Password {
        user: "me".into(),
        password: Secret("wrong".into()),
    };
    let wrong = Repository::check_login(&impatient(), &address, login)
        .await
        .unwrap_err();
    assert_eq!(
        wrong.to_string(),
        format!("unauthorized: incorrect username or password for {address}")
    );
    let nobody = open(&address, Login::Anonymous).await.unwrap();
    assert!(matches!(
        nobody.manifest("1").await,
        Err(RegistryError::Denied { .. })
    ));
}

/// A registry that cuts the connection after each third of a blob, and what it was asked for.
fn cutting(content: &'static [u8], ranges: bool) -> (String, Arc<Mutex<Vec<Option<usize>>>>) {
    let asked_for: Arc<Mutex<Vec<Option<usize>>>> = Arc::default();
    let (log, times) = (Arc::clone(&asked_for), AtomicUsize::new(0));
    let third = content.len() / 3;
    let address = registry(move |asked| {
        if asked.path == "/v2/" {
            return Reply::Whole(200, "", Vec::new());
        }
        log.lock().unwrap().push(asked.from);
        let (status, from) = match asked.from.filter(|_| ranges) {
            Some(from) => (206, from),
            None => (200, 0),
        };
        let sent = third * (times.fetch_add(1, Ordering::SeqCst) + 1);
        match content.get(from..sent) {
            Some(part) if sent < content.len() => {
                Reply::Cut(status, content.len() - sent, part.to_vec())
            }
            _ => Reply::Whole(status, "", content[from..].to_vec()),
        }
    });
    (address, asked_for)
}

#[tokio::test]
async fn a_transfer_that_breaks_off_goes_on_where_it_was() {
    let content = b"the one, the two, the three.".as_slice();
    for ranges in [true, false] {
        let (address, asked_for) = cutting(content, ranges);
        let repository = open(&address, Login::Anonymous).await.unwrap();
        let (mut kept, mut told) = (Vec::new(), 0);
        repository
            .fetch(&blob(content), &mut kept, |at| told = at)
            .await
            .unwrap();
        assert_eq!((kept.as_slice(), told), (content, content.len() as u64));
        let asked = asked_for.lock().unwrap().clone();
        assert_eq!(asked, [None, Some(9), Some(18), Some(27)]);
    }
}

#[tokio::test]
async fn what_is_not_what_its_digest_says_is_refused() {
    let address = registry(|asked| match asked.path.as_str() {
        "/v2/" => Reply::Whole(200, "", Vec::new()),
        _ => Reply::Whole(200, "", b"other".to_vec()),
    });
    let repository = open(&address, Login::Anonymous).await.unwrap();
    let fetch = async |blob: &Blob| {
        repository
            .fetch(blob, &mut Vec::new(), |_| ())
            .await
            .unwrap_err()
    };
    let honest = blob(b"right");
    assert!(matches!(fetch(&honest).await, RegistryError::Digest { .. }));
    let short = Blob {
        size: 3,
        ..honest.clone()
    };
    assert!(matches!(
        fetch(&short).await,
        RegistryError::TooLong { size: 3, .. }
    ));
    let error = repository.manifest(&honest.digest).await.unwrap_err();
    assert!(matches!(error, RegistryError::Digest { .. }), "{error}");
}

#[tokio::test]
async fn a_registry_that_never_sends_is_given_up() {
    let address = registry(|asked| match asked.path.as_str() {
        "/v2/" => Reply::Whole(200, "", Vec::new()),
        _ => Reply::Cut(200, 5, Vec::new()),
    });
    let repository = open(&address, Login::Anonymous).await.unwrap();
    let error = repository
        .fetch(&blob(b"12345"), &mut Vec::new(), |_| ())
        .await
        .unwrap_err();
    assert!(
        matches!(error, RegistryError::BrokenOff { at: 0, size: 5, .. }),
        "{error}"
    );
}
