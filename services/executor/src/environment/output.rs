//! What a function writes to its standard output and error, and the platform's own lines between.
//!
//! The pipes are read as they fill. When the function's answer has come they are read once more *past* tokio's idea of
//! readiness, by plain non-blocking reads: whatever the function wrote before its answer is in the pipe by then, so it
//! belongs to this invocation and is in its tail.

use std::convert::Infallible;
use std::io;
use std::os::fd::AsFd as _;
use std::sync::Arc;

use chassis::Clock;
use chrono::{DateTime, Utc};
use domain::FunctionSpec;
use domain::log::{LogLine, LogStream};
use nix::errno::Errno;
use parking_lot::Mutex;
use tokio::net::unix::pipe::Receiver;

use super::tail::Tail;
use crate::logs::Logs;

/// Lambda's largest log event; a longer line is split.
const LINE_BYTES_MAX: usize = 256 * 1024;
/// Read from a pipe at once.
const READ_BYTES: usize = 8 * 1024;

/// The log of one environment: its stream, and the tail of the current invocation.
pub(super) struct Output {
    lines: Mutex<Lines>,
    stream: Stream,
}

/// The ends of a sandbox's two pipes that we read.
#[derive(Clone, Copy)]
pub(super) struct Pipes<'a> {
    pub(super) stdout: &'a Receiver,
    pub(super) stderr: &'a Receiver,
}

/// One log stream: where an environment's lines go.
#[derive(Clone)]
pub(super) struct Stream {
    place: Arc<LogStream>,
    clock: Clock,
    logs: Logs,
}

impl Stream {
    /// The stream `YYYY/MM/DD/[VERSION]ID` of a new environment.
    pub(super) fn new(spec: &FunctionSpec, id: uuid::Uuid, clock: Clock, logs: Logs) -> Self {
        let day = clock.now().format("%Y/%m/%d");
        let stream = LogStream {
            account: spec.account,
            region: spec.region.clone(),
            group: spec.log_group(),
            name: format!("{day}/[{}]{}", spec.version, id.simple()),
        };
        Self {
            place: Arc::new(stream),
            clock,
            logs,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.place.name
    }

    fn line(&self, at: DateTime<Utc>, message: String) -> LogLine {
        LogLine {
            stream: Arc::clone(&self.place),
            at,
            message,
        }
    }
}

#[derive(Default)]
struct Lines {
    /// Time of the newest line. The host's clock may step back; a stream's lines stay in order all the same.
    newest: DateTime<Utc>,
    /// What came of a line whose end has not, of each pipe.
    partial: [Vec<u8>; 2],
    tail: Tail,
}

#[derive(Clone, Copy)]
enum Pipe {
    Stdout = 0,
    Stderr = 1,
}

impl Output {
    pub(super) fn new(stream: Stream) -> Self {
        Self {
            lines: Mutex::default(),
            stream,
        }
    }

    /// Reads both pipes as they fill, until dropped.
    pub(super) async fn pump(&self, pipes: Pipes<'_>) -> Infallible {
        tokio::join!(
            self.pump_one(Pipe::Stdout, pipes.stdout),
            self.pump_one(Pipe::Stderr, pipes.stderr)
        )
        .0
    }

    async fn pump_one(&self, pipe: Pipe, receiver: &Receiver) -> Infallible {
        loop {
            if receiver.readable().await.is_err() {
                return std::future::pending().await;
            }
            if !self.read(pipe, receiver) {
                return std::future::pending().await;
            }
        }
    }

    /// Takes what one read gives; false where nothing more will come.
    fn read(&self, pipe: Pipe, receiver: &Receiver) -> bool {
        // Not in the future's own state: environments are many, and most write little.
        let mut buffer = [0; READ_BYTES];
        match receiver.try_read(&mut buffer) {
            // All writers are gone.
            Ok(0) => false,
            Ok(count) => {
                self.take(pipe, &buffer[..count]);
                true
            }
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        }
    }

    /// Takes everything that is in the pipes now, and ends lines that have no end.
    pub(super) fn drain(&self, pipes: Pipes<'_>) {
        let mut buffer = [0; READ_BYTES];
        for (pipe, receiver) in [(Pipe::Stdout, pipes.stdout), (Pipe::Stderr, pipes.stderr)] {
            loop {
                match nix::unistd::read(receiver.as_fd(), &mut buffer) {
                    Err(Errno::EINTR) => {}
                    Ok(0) | Err(_) => break,
                    Ok(count) => self.take(pipe, &buffer[..count]),
                }
            }
        }
        self.flush();
    }

    fn take(&self, pipe: Pipe, bytes: &[u8]) {
        let mut lines = self.lines.lock();
        let mut complete = Vec::new();
        let partial = &mut lines.partial[pipe as usize];
        for piece in bytes.split_inclusive(|&b| b == b'\n') {
            partial.extend_from_slice(piece.strip_suffix(b"\n").unwrap_or(piece));
            while partial.len() > LINE_BYTES_MAX {
                let rest = partial.split_off(boundary(partial));
                complete.push(std::mem::replace(partial, rest));
            }
            if piece.ends_with(b"\n") {
                complete.push(std::mem::take(partial));
            }
        }
        self.emit(&mut lines, complete.into_iter().map(text));
    }

    fn flush(&self) {
        let mut lines = self.lines.lock();
        let left = std::mem::take(&mut lines.partial);
        let left = left.into_iter().filter(|line| !line.is_empty());
        self.emit(&mut lines, left.map(text));
    }

    /// Writes lines of the platform's own.
    pub(super) fn platform(&self, messages: impl IntoIterator<Item = String>) {
        self.emit(&mut self.lines.lock(), messages);
    }

    fn emit(&self, lines: &mut Lines, messages: impl IntoIterator<Item = String>) {
        let mut messages = messages.into_iter().peekable();
        if messages.peek().is_none() {
            return;
        }
        let Lines { newest, tail, .. } = lines;
        *newest = self.stream.clock.now().max(*newest);
        self.stream.logs.push(messages.map(|message| {
            tail.push(&message);
            self.stream.line(*newest, message)
        }));
    }

    /// The last 4 KiB since [`Self::forget`].
    pub(super) fn tail(&self) -> Vec<u8> {
        self.lines.lock().tail.take()
    }

    /// Begins a new tail.
    pub(super) fn forget(&self) {
        self.lines.lock().tail.clear();
    }
}

/// Postgres takes no NUL in text, and no bytes that are not UTF-8.
fn text(line: Vec<u8>) -> String {
    let line = String::from_utf8(line)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    if line.contains('\0') {
        line.replace('\0', "\u{fffd}")
    } else {
        line
    }
}

/// Where to split a line that is too long: at the limit, or up to three bytes before it so that no character is cut.
fn boundary(line: &[u8]) -> usize {
    (LINE_BYTES_MAX - 3..=LINE_BYTES_MAX)
        .rev()
        .find(|&at| line.get(at).is_none_or(|b| b & 0xc0 != 0x80))
        .unwrap_or(LINE_BYTES_MAX)
}
