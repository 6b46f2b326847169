//! What a container wrote, as a stream of bytes in the forms that clients know.

use std::fs::OpenOptions;
use std::path::PathBuf;

use axum::body::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{Stream, stream};
use rnet_runtime_glue::log::{Entry, LogError, LogQuery, LogReader, Stream as Output};

use super::growth::Growth;
use crate::daemon::Exit;
use crate::error::{Error, Result};

/// How much is read at once, in bytes of text.
const BATCH: usize = 64 << 10;

/// How records become bytes.
#[derive(Clone, Copy)]
pub(super) struct Form {
    /// Whether they come in frames that tell the outputs apart; without, they come as they are.
    pub(super) framed: bool,
    /// Whether each begins with the moment it was recorded.
    pub(super) timestamps: bool,
    /// Whether what is noted with each stands before it.
    pub(super) details: bool,
}

impl Form {
    /// The form of live output: framed unless it comes from a terminal.
    pub(super) fn live(tty: bool) -> Self {
        Self {
            framed: !tty,
            timestamps: false,
            details: false,
        }
    }

    /// Its name (Docker Engine API, `ContainerAttach`).
    pub(super) const fn content_type(self) -> &'static str {
        if self.framed {
            "application/vnd.docker.multiplexed-stream"
        } else {
            "application/vnd.docker.raw-stream"
        }
    }

    /// A message among the output.
    pub(super) fn message(self, text: &str) -> Vec<u8> {
        if self.framed {
            frame(Output::Stderr, text)
        } else {
            text.as_bytes().to_vec()
        }
    }
}

/// A log that is read, and, while its container runs, waited for.
pub(super) struct Source {
    reader: Option<LogReader>,
    growth: Option<Growth>,
    /// Resolves when the container has ended and all it wrote is in the file.
    end: Option<BoxFuture<'static, Exit>>,
}

impl Source {
    /// Opens a container's log; with `end`, which resolves when the container has ended, it is followed until then.
    pub(super) fn open(
        log: PathBuf,
        query: LogQuery,
        end: Option<BoxFuture<'static, Exit>>,
    ) -> Result<Self> {
        if end.is_some() {
            // a container about to run has no log yet
            let made = OpenOptions::new().append(true).create(true).open(&log);
            made.map_err(|source| Error::File {
                path: log.clone(),
                source,
            })?;
        }
        // watched before it is read: nothing is written unnoticed in between
        let growth = end.is_some().then(|| Growth::of(&log)).transpose();
        let growth = growth.map_err(|source| Error::File {
            path: log.clone(),
            source,
        })?;
        let reader = match LogReader::open(&log, query) {
            Ok(reader) => Some(reader),
            Err(LogError::Open { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                None
            }
            Err(error) => return Err(Error::Log(error)),
        };
        Ok(Self {
            reader,
            growth,
            end,
        })
    }

    /// What it holds, a good many records at a time.
    pub(super) fn batches(self, form: Form) -> impl Stream<Item = Result<Bytes>> + Send {
        stream::unfold(self, move |mut source| async move {
            let batch = source.next(form).await.transpose()?;
            Some((batch, source))
        })
    }

    /// The next records; none at the end.
    async fn next(&mut self, form: Form) -> Result<Option<Bytes>> {
        loop {
            let Some(reader) = self.reader.take() else {
                return Ok(None);
            };
            let (reader, batch) = tokio::task::spawn_blocking(move || read(reader, form))
                .await
                .map_err(|error| Error::Failed(error.to_string()))?;
            self.reader = Some(reader);
            let batch = batch.map_err(Error::Log)?;
            if !batch.is_empty() {
                return Ok(Some(batch.into()));
            }
            if !self.wait().await? {
                return Ok(None);
            }
        }
    }

    /// Waits until there may be more; false when there will not.
    async fn wait(&mut self) -> Result<bool> {
        let (Some(growth), Some(end)) = (&self.growth, &mut self.end) else {
            return Ok(false);
        };
        tokio::select! {
            _ = end => {
                self.end = None;
                Ok(true) // once more, for what was written last
            }
            grown = growth.more() => {
                grown.map_err(|error| Error::Failed(format!("cannot follow a log: {error}")))?;
                Ok(true)
            }
        }
    }
}

fn read(mut reader: LogReader, form: Form) -> (LogReader, std::result::Result<Vec<u8>, LogError>) {
    let mut batch = Vec::new();
    while batch.len() < BATCH {
        match reader.next_entry() {
            Ok(Some(entry)) => write(&mut batch, &entry, form),
            Ok(None) => break,
            Err(error) => return (reader, Err(error)),
        }
    }
    (reader, Ok(batch))
}

fn write(batch: &mut Vec<u8>, entry: &Entry, form: Form) {
    let mut text = String::new();
    if form.timestamps {
        text = format!("{:.9} ", entry.time);
    }
    if form.details {
        let noted = entry.attrs.iter();
        let noted: Vec<_> = noted.map(|(key, value)| format!("{key}={value}")).collect();
        text.push_str(&noted.join(","));
        text.push(' ');
    }
    text.push_str(&entry.log);
    batch.extend(if form.framed {
        frame(entry.stream, &text)
    } else {
        text.into_bytes()
    });
}

/// Text in a frame of a multiplexed stream: which output, how long, and the text.
fn frame(output: Output, text: &str) -> Vec<u8> {
    let number = match output {
        Output::Stdout => 1,
        Output::Stderr => 2,
    };
    let length = u32::try_from(text.len()).expect("a record or a message is a few kilobytes");
    [&[number, 0, 0, 0], &length.to_be_bytes(), text.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, StreamExt};

    use super::*;

    fn entry() -> Entry {
        Entry {
            log: "hi\n".to_owned(),
            stream: Output::Stderr,
            attrs: [("b", "2"), ("a", "1")]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
            time: "2026-01-02T03:04:05.5Z".parse().unwrap(),
        }
    }

    fn written(framed: bool, timestamps: bool, details: bool) -> Vec<u8> {
        let mut batch = Vec::new();
        let form = Form {
            framed,
            timestamps,
            details,
        };
        write(&mut batch, &entry(), form);
        batch
    }

    #[test]
    fn a_frame_tells_stream_and_length() {
        assert_eq!(written(true, false, false), b"\x02\0\0\0\0\0\0\x03hi\n");
        let all = b"2026-01-02T03:04:05.500000000Z a=1,b=2 hi\n";
        assert_eq!(written(false, true, true), all);
    }

    #[tokio::test]
    async fn a_log_is_followed_to_its_containers_end() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("log");
        let (ended, end) = tokio::sync::oneshot::channel::<()>();
        let end = async {
            end.await
                .map_or_else(|_| Exit::default(), |()| Exit::default())
        };
        let source = Source::open(log.clone(), LogQuery::default(), Some(end.boxed())).unwrap();
        let form = Form {
            framed: false,
            timestamps: false,
            details: false,
        };
        let mut batches = std::pin::pin!(source.batches(form));
        assert!(batches.next().now_or_never().is_none());
        let line =
            "{\"log\":\"hi\\n\",\"stream\":\"stderr\",\"time\":\"2026-01-02T03:04:05.5Z\"}\n"
                .to_owned();
        std::fs::write(&log, &line).unwrap();
        assert_eq!(batches.next().await.unwrap().unwrap(), "hi\n");
        std::fs::write(&log, line.repeat(2)).unwrap();
        ended.send(()).unwrap();
        assert_eq!(batches.next().await.unwrap().unwrap(), "hi\n");
        assert!(batches.next().await.is_none());
    }
}
