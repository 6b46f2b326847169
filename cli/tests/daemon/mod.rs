//! A daemon that answers as a test tells it, and remembers what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use tempfile::TempDir;

/// The daemon; its socket goes when it does.
pub(crate) struct Daemon {
    directory: TempDir,
    asked: Arc<Mutex<Vec<String>>>,
}

/// What a test answers to a request, given as `METHOD PATH`.
pub(crate) type Answer = fn(&str, Connection);

/// A connection whose request has been read.
pub(crate) struct Connection(BufReader<UnixStream>);

impl Daemon {
    /// Answers every request by `answer`, each on a thread of its own.
    pub(crate) fn start(answer: Answer) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("s")).unwrap();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let asking = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let asking = Arc::clone(&asking);
                thread::spawn(move || {
                    let (request, connection) = read(stream.unwrap());
                    asking.lock().unwrap().push(request.clone());
                    answer(&request, connection);
                });
            }
        });
        Self { directory, asked }
    }

    /// Runs `rnet` with `line`, and `input` as its standard input.
    pub(crate) fn rnet(&self, line: &str, input: &str) -> Output {
        let socket = self.directory.path().join("s");
        let mut rnet = Command::new(env!("CARGO_BIN_EXE_rnet"))
            .args(line.split_whitespace())
            .env("RNET_HOST", format!("unix://{}", socket.display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that wants no input may have ended before it is written.
        let _ = rnet.stdin.take().unwrap().write_all(input.as_bytes());
        rnet.wait_with_output().unwrap()
    }

    /// The requests so far, in their order, without their queries.
    pub(crate) fn asked(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked
            .iter()
            .map(|request| request.split('?').next().unwrap().to_owned())
            .collect()
    }
}

impl Connection {
    /// Answers with a status and a JSON body.
    pub(crate) fn json(mut self, status: u16, body: &str) {
        let head = format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n");
        self.write(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
    }

    /// Sends the head of an answer whose body has `length` bytes.
    pub(crate) fn head(&mut self, length: usize) {
        self.write(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").as_bytes());
    }

    /// Hands the connection over.
    pub(crate) fn upgrade(&mut self) {
        self.write(b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
    }

    /// Sends bytes as they are.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).unwrap();
    }

    /// Reads until the other side has said all.
    pub(crate) fn read_to_end(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.0.read_to_end(&mut bytes).unwrap();
        bytes
    }
}

/// One frame of an output: 1 for standard output, 2 for standard error.
pub(crate) fn frame(stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&[stream, 0, 0, 0], length.as_slice(), payload].concat()
}

fn read(stream: UnixStream) -> (String, Connection) {
    let mut reader = BufReader::new(stream);
    let mut lines = reader.by_ref().lines().map(Result::unwrap);
    let first = lines.next().unwrap();
    let head: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
    let length = head.iter().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.parse().unwrap())
    });
    let mut body = vec![0; length.unwrap_or_default()];
    reader.read_exact(&mut body).unwrap();
    let request = first.rsplit_once(' ').unwrap().0.to_owned();
    (request, Connection(reader))
}
