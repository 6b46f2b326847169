//! A plugin that answers what it is told to answer, true or not, or nothing at all.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use netd::remote::PluginSettings;
use serde_json::{Value, json};

/// What a call is answered.
#[derive(Clone)]
pub(crate) enum Say {
    /// This, with status 200.
    Json(Value),
    /// This text, with that status.
    Text(u16, &'static str),
    /// As many bytes.
    Bytes(usize),
    /// Nothing, for as long as the caller waits.
    Nothing,
    /// The end of the connection.
    Bye,
}

/// The plugin, in a directory of its own; it ends with the process.
pub(crate) struct Liar {
    directory: tempfile::TempDir,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    says: BTreeMap<String, Say>,
    heard: Vec<(String, Value)>,
}

impl Liar {
    /// A plugin called `liar` that tells the truth: a driver of networks without an interface, and of addresses.
    pub(crate) fn new() -> Self {
        let liar = Self {
            directory: tempfile::tempdir().unwrap(),
            inner: Arc::default(),
        };
        liar.say(
            "Plugin.Activate",
            json!({"Implements": ["NetworkDriver", "IpamDriver"]}),
        );
        let pool = json!({"PoolID": "p", "Pool": "10.6.0.0/24", "Data": {}});
        liar.say("IpamDriver.RequestPool", pool);
        liar.say(
            "IpamDriver.RequestAddress",
            json!({"Address": "10.6.0.1/24"}),
        );
        let space = json!({"LocalDefaultAddressSpace": "l", "GlobalDefaultAddressSpace": "g"});
        liar.say("IpamDriver.GetDefaultAddressSpaces", space);
        liar.listen();
        liar
    }

    /// Where it is found, and a deadline that tests can wait for.
    pub(crate) fn settings(&self) -> PluginSettings {
        PluginSettings {
            directories: vec![self.directory.path().to_owned()],
            own_socket: None,
            deadline: Duration::from_millis(400),
        }
    }

    pub(crate) fn say(&self, call: &str, answer: Value) {
        self.does(call, Say::Json(answer));
    }

    pub(crate) fn does(&self, call: &str, say: Say) {
        let mut inner = self.inner.lock().unwrap();
        inner.says.insert(call.to_owned(), say);
    }

    /// The calls of this name that it heard, each with its body; they are forgotten.
    pub(crate) fn heard(&self, call: &str) -> Vec<Value> {
        let mut inner = self.inner.lock().unwrap();
        let heard = inner.heard.extract_if(.., |(it, _)| it == call);
        heard.map(|(_, body)| body).collect()
    }

    /// It is found no more.
    pub(crate) fn vanish(&self) {
        std::fs::remove_file(self.socket()).unwrap();
    }

    /// It is found, anew.
    pub(crate) fn listen(&self) {
        let listener = UnixListener::bind(self.socket()).unwrap();
        let inner = Arc::clone(&self.inner);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, inner) = (stream.unwrap(), Arc::clone(&inner));
                std::thread::spawn(move || serve(&stream, &inner));
            }
        });
    }

    fn socket(&self) -> std::path::PathBuf {
        Path::new(self.directory.path()).join("liar.sock")
    }
}

/// One call; whatever goes wrong, the caller is gone.
fn serve(stream: &UnixStream, inner: &Mutex<Inner>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    assert!(lines.contains(&"accept: application/vnd.docker.plugins.v1.2+json".to_owned()));
    let length = lines
        .iter()
        .find_map(|it| it.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |it| it.parse().unwrap())];
    reader.read_exact(&mut body).ok()?;
    let call = lines[0].split(' ').nth(1).unwrap()[1..].to_owned();
    let say = {
        let mut inner = inner.lock().unwrap();
        let say = inner.says.get(&call).cloned();
        let body = serde_json::from_slice(&body).unwrap_or_default();
        inner.heard.push((call, body));
        say.unwrap_or_else(|| Say::Json(json!({})))
    };
    let (status, text) = match say {
        Say::Json(value) => (200, value.to_string()),
        Say::Text(status, text) => (status, text.to_owned()),
        Say::Bytes(count) => (200, "x".repeat(count)),
        Say::Bye => return None,
        Say::Nothing => {
            let _ = reader.read(&mut [0]);
            return None;
        }
    };
    let head = format!(
        "HTTP/1.1 {status} x\r\nContent-Length: {}\r\n\r\n",
        text.len()
    );
    let mut stream = stream;
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(text.as_bytes()).ok()
}
