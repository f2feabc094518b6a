//! The other side: a Runtime API for one function, on threads.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What a runtime posted.
#[derive(Debug)]
pub(super) struct Post {
    /// Without the API's prefix: `init/error`, `invocation/<id>/response`.
    pub(super) path: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
    pub(super) trailers: BTreeMap<String, String>,
}

impl Post {
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }
}

struct Event {
    headers: Vec<(String, String)>,
    body: String,
}

/// A listening Runtime API.
pub(super) struct Api {
    pub(super) address: String,
    events: Sender<Event>,
    asked: Receiver<Instant>,
    posts: Receiver<Post>,
    sent: u32,
}

struct Ends {
    events: Mutex<Receiver<Event>>,
    asked: Sender<Instant>,
    posts: Sender<Post>,
}

const PATIENCE: Duration = Duration::from_secs(20);

impl Api {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (events, wanted) = channel();
        let (asking, asked) = channel();
        let (posting, posts) = channel();
        let ends = Arc::new(Ends {
            events: Mutex::new(wanted),
            asked: asking,
            posts: posting,
        });
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let ends = Arc::clone(&ends);
                std::thread::spawn(move || serve(stream.unwrap(), &ends));
            }
        });
        Self {
            address,
            events,
            asked,
            posts,
            sent: 0,
        }
    }

    /// When the runtime asked for the next event.
    pub(super) fn next(&self) -> Instant {
        self.asked
            .recv_timeout(PATIENCE)
            .expect("the runtime asks for an event")
    }

    /// Hands an event over. Ids count from 1.
    pub(super) fn send(&mut self, body: &str, more: &[(&str, &str)]) {
        self.sent += 1;
        let deadline = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() + 3_000;
        let mut headers = vec![
            (
                "Lambda-Runtime-Aws-Request-Id".to_owned(),
                format!("id-{}", self.sent),
            ),
            (
                "Lambda-Runtime-Deadline-Ms".to_owned(),
                deadline.to_string(),
            ),
            (
                "Lambda-Runtime-Invoked-Function-Arn".to_owned(),
                "arn:f".to_owned(),
            ),
            ("Content-Type".to_owned(), "application/json".to_owned()),
        ];
        headers.extend(more.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
        let body = body.to_owned();
        self.events.send(Event { headers, body }).unwrap();
    }

    pub(super) fn post(&self) -> Post {
        self.posts
            .recv_timeout(PATIENCE)
            .expect("the runtime posts")
    }

    /// One event, and what came of it.
    pub(super) fn invoke(&mut self, body: &str) -> Post {
        self.next();
        self.send(body, &[]);
        self.post()
    }
}

fn serve(stream: TcpStream, ends: &Ends) {
    let mut out = stream.try_clone().unwrap();
    let mut input = BufReader::new(stream);
    while let Some((method, path, headers)) = read_head(&mut input) {
        let path = path
            .strip_prefix("/2018-06-01/runtime/")
            .unwrap()
            .to_owned();
        if method == "GET" {
            assert_eq!(path, "invocation/next");
            let _ = ends.asked.send(Instant::now());
            let Ok(event) = ends.events.lock().unwrap().recv() else {
                return;
            };
            let fields: String = event
                .headers
                .iter()
                .map(|(name, value)| [name, ": ", value, "\r\n"].concat())
                .collect();
            let (size, body) = (event.body.len(), &event.body);
            let text = format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: {size}\r\n\r\n{body}");
            let _ = out.write_all(text.as_bytes());
        } else {
            let (body, trailers) = read_body(&mut input, &headers);
            let post = Post {
                path,
                headers,
                body,
                trailers,
            };
            let _ = ends.posts.send(post);
            let answer = "HTTP/1.1 202 Accepted\r\nContent-Length: 15\r\n\r\n{\"status\":\"OK\"}";
            let _ = out.write_all(answer.as_bytes());
        }
    }
}

type Head = (String, String, BTreeMap<String, String>);

fn read_head(input: &mut impl BufRead) -> Option<Head> {
    let mut lines = read_lines(input);
    let first = lines.pop_front()?;
    let mut words = first.split(' ').map(str::to_owned);
    Some((words.next()?, words.next()?, fields(lines)))
}

fn fields(lines: VecDeque<String>) -> BTreeMap<String, String> {
    lines
        .into_iter()
        .map(|line| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_lowercase(), value.trim().to_owned())
        })
        .collect()
}

/// Lines up to the next empty one; none at the end of the stream.
fn read_lines(input: &mut impl BufRead) -> VecDeque<String> {
    let mut lines = VecDeque::new();
    loop {
        let mut line = String::new();
        if input.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
            return lines;
        }
        lines.push_back(line.trim_end().to_owned());
    }
}

fn read_body(
    input: &mut impl BufRead,
    headers: &BTreeMap<String, String>,
) -> (Vec<u8>, BTreeMap<String, String>) {
    let mut body = Vec::new();
    if let Some(length) = headers.get("content-length") {
        let length = length.parse().unwrap();
        input.take(length).read_to_end(&mut body).unwrap();
        return (body, BTreeMap::new());
    }
    assert_eq!(headers["transfer-encoding"], "chunked");
    loop {
        let mut size = String::new();
        input.read_line(&mut size).unwrap();
        let size = u64::from_str_radix(size.trim(), 16).unwrap();
        if size == 0 {
            return (body, fields(read_lines(input)));
        }
        input.take(size).read_to_end(&mut body).unwrap();
        let mut end = String::new();
        input.read_line(&mut end).unwrap();
    }
}
