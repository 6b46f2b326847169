//! The daemon as doors see it: requests to its API, each with a deadline.

use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tokio::net::UnixStream;

/// Where `netd` listens unless it is told otherwise.
pub(crate) const SOCKET: &str = "/run/rnet/rnet.sock";

/// How long a runtime may be kept waiting: containerd and the kubelet give a whole pod some minutes.
const DEADLINE: Duration = Duration::from_secs(60);

/// Why there is no answer, or not the wanted one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// Nobody listens, or they broke off.
    #[error("netd does not answer at {}: is it running?", socket.display())]
    Unreachable {
        socket: PathBuf,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It took too long.
    #[error("netd did not answer within {} s: is it busy?", .0.as_secs())]
    Deadline(Duration),
    /// The daemon's own words.
    #[error("{message}")]
    Refused { status: u16, message: String },
}

/// The daemon behind a socket.
pub(crate) struct Netd {
    socket: PathBuf,
    deadline: Duration,
}

impl Netd {
    pub(crate) fn at(socket: &Path) -> Self {
        Self {
            socket: socket.to_owned(),
            deadline: DEADLINE,
        }
    }

    /// What a path shows.
    pub(crate) fn get(&self, path: &str) -> Result<Value, CallError> {
        self.call(Method::GET, path, None)
    }

    /// What is answered to a document.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Value, CallError> {
        self.call(Method::POST, path, Some(body))
    }

    /// Removes what a path names; what is absent already is a success.
    pub(crate) fn delete(&self, path: &str) -> Result<(), CallError> {
        match self.call(Method::DELETE, path, None) {
            Err(CallError::Refused { status: 404, .. }) => Ok(()),
            answer => answer.map(drop),
        }
    }

    fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, CallError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| self.unreachable(error))?;
        runtime.block_on(async {
            let exchange = self.exchange(method, path, body);
            let answer = tokio::time::timeout(self.deadline, exchange).await;
            answer.map_err(|_| CallError::Deadline(self.deadline))?
        })
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, CallError> {
        let failed = |error| self.unreachable(error);
        let stream = UnixStream::connect(&self.socket)
            .await
            .map_err(|it| self.unreachable(it))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(failed)?;
        tokio::spawn(connection);
        let body = body.map_or_else(Bytes::new, |it| it.to_string().into());
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, "rnet")
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|it| self.unreachable(it))?;
        let response = sender.send_request(request).await.map_err(failed)?;
        let status = response.status();
        let bytes = response
            .into_body()
            .collect()
            .await
            .map_err(failed)?
            .to_bytes();
        let answer: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        if status.is_success() {
            return Ok(answer);
        }
        let message = answer["message"].as_str().unwrap_or("no reason was given");
        Err(CallError::Refused {
            status: status.as_u16(),
            message: message.to_owned(),
        })
    }

    fn unreachable(
        &self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> CallError {
        CallError::Unreachable {
            socket: self.socket.clone(),
            source: source.into(),
        }
    }
}

/// A name as one segment of a path, or a value of a query.
pub(crate) fn segment(name: &str) -> String {
    utf8_percent_encode(name, NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    /// Where nobody answers, but somebody may listen.
    fn silent() -> (tempfile::TempDir, Netd) {
        let directory = tempfile::tempdir().unwrap();
        let netd = Netd {
            socket: directory.path().join("sock"),
            deadline: Duration::from_millis(50),
        };
        (directory, netd)
    }

    #[test]
    fn one_that_is_away_and_one_that_never_answers_are_told_apart() {
        let (_directory, netd) = silent();
        let away = netd.get("/_ping").unwrap_err();
        assert!(matches!(away, CallError::Unreachable { .. }), "{away}");
        let _listener = UnixListener::bind(&netd.socket).unwrap();
        let late = netd.get("/_ping").unwrap_err();
        assert!(matches!(late, CallError::Deadline(_)), "{late}");
    }

    #[test]
    fn one_that_breaks_off_is_as_good_as_away() {
        let (_directory, netd) = silent();
        let listener = UnixListener::bind(&netd.socket).unwrap();
        let broken = std::thread::scope(|scope| {
            scope.spawn(|| drop(listener.accept()));
            netd.get("/_ping").unwrap_err()
        });
        assert!(matches!(broken, CallError::Unreachable { .. }), "{broken}");
    }
}
