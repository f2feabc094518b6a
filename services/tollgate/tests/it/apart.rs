//! Services on their own: a given Postgres and Redis, one gateway, executors that may die.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use store::{Role, Store, Vault};
use tempfile::TempDir;

use crate::bed::{Bed, Running, TOLLGATE};

/// A Postgres and a Redis that belong to none of the services.
struct Databases {
    child: Child,
    postgres: String,
    redis: String,
}

impl Databases {
    fn start(work: &std::path::Path) -> Self {
        let mut child = Command::new("setpriv")
            .args([
                "--pdeathsig",
                "TERM",
                TOLLGATE,
                "private-services",
                "--data-dir",
            ])
            .arg(work.join("databases"))
            .args([
                "sh",
                "-c",
                "echo \"$DATABASE_URL\"; echo \"$REDIS_URL\"; exec cat",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("setpriv (util-linux) starts tollgate");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut line = || lines.next().expect("a line").expect("readable");
        let (postgres, redis) = (line(), line());
        Self {
            child,
            postgres,
            redis,
        }
    }
}

impl Drop for Databases {
    fn drop(&mut self) {
        // End of input ends the command, and with it the databases.
        drop(self.child.stdin.take().map(|mut input| input.flush()));
        let _ = self.child.wait();
    }
}

/// A replica of the queue.
struct Queue {
    running: Running,
    /// Address that answers `/health`.
    health: String,
}

impl Queue {
    /// How many of the 32 shards it says it has.
    fn shards(&self) -> u32 {
        let mut stream = TcpStream::connect(&self.health).expect("the queue's health");
        let request = b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        stream.write_all(request).expect("written");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("answered");
        let (before, _) = text.split_once(" of 32 shards").expect("shards");
        let number = before.rsplit(|c: char| !c.is_ascii_digit()).next();
        number.and_then(|word| word.parse().ok()).expect("a number")
    }
}

/// An installation of services apart.
pub(crate) struct Apart {
    // Fields are dropped in this order: services before what they need.
    queues: Vec<Option<Queue>>,
    executors: Vec<Option<Running>>,
    pub(crate) gateway: Bed,
    databases: Databases,
    environment: Vec<(String, String)>,
    work: TempDir,
}

impl Apart {
    pub(crate) fn start(executors: usize) -> Self {
        let work = tempfile::Builder::new()
            .prefix("tollgate-apart-")
            .tempdir()
            .expect("a directory");
        let databases = Databases::start(work.path());
        let key = |byte: u8| {
            use base64::Engine as _;
            base64::engine::general_purpose::STANDARD.encode([byte; 32])
        };
        let environment = [
            ("TOLLGATE_DATABASE_URL", databases.postgres.clone()),
            ("TOLLGATE_REDIS_URL", databases.redis.clone()),
            ("TOLLGATE_MASTER_KEY", key(1)),
            ("TOLLGATE_CLUSTER_SECRET", key(2)),
            (
                "TOLLGATE_STORAGE_DIR",
                work.path().join("code").display().to_string(),
            ),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec();
        let data_dir = work.path().join("gateway");
        let gateway = Bed {
            url: String::new(),
            data_dir,
            running: None,
            environment: environment.clone(),
        };
        let mut apart = Self {
            queues: Vec::new(),
            executors: Vec::new(),
            gateway,
            databases,
            environment,
            work,
        };
        apart.gateway.operator(&["migrate"]);
        let dir = apart.gateway.data_dir.display().to_string();
        let (running, url) =
            apart.service(&["gateway", "--listen", "127.0.0.1:0", "--data-dir", &dir]);
        apart.gateway.url = url;
        apart.gateway.running = Some(running);
        for _ in 0..executors {
            apart.executors.push(None);
            apart.start_executor(apart.executors.len() - 1);
        }
        apart
    }

    fn service(&self, words: &[&str]) -> (Running, String) {
        let environment: Vec<_> = self
            .environment
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let (running, line) = Running::start(words, &environment);
        let url = line
            .split_whitespace()
            .find(|word| word.starts_with("http://"));
        (running, url.unwrap_or_default().to_owned())
    }

    /// Another gateway of the same installation.
    pub(crate) fn another_gateway(&self) -> Bed {
        let data_dir = self.work.path().join("another");
        let dir = data_dir.display().to_string();
        let (running, url) =
            self.service(&["gateway", "--listen", "127.0.0.1:0", "--data-dir", &dir]);
        let environment = self.environment.clone();
        Bed {
            url,
            data_dir,
            running: Some(running),
            environment,
        }
    }

    fn executor_dir(&self, number: usize) -> PathBuf {
        self.work.path().join(format!("executor-{number}"))
    }

    /// Starts a replica of the queue; answers its number.
    pub(crate) fn start_queue(&mut self) -> usize {
        let number = self.queues.len();
        let dir = self.work.path().join(format!("queue-{number}"));
        let dir = dir.display().to_string();
        let words = ["queue-service", "--data-dir", &dir];
        let listen = ["--health-listen", "127.0.0.1:0"];
        let (running, url) = self.service(&[words.as_slice(), &listen].concat());
        let address = url
            .strip_prefix("http://")
            .and_then(|rest| rest.split('/').next());
        let health = address.expect("where it answers").to_owned();
        self.queues.push(Some(Queue { running, health }));
        number
    }

    /// How many shards each replica that runs has.
    pub(crate) fn shards(&self) -> Vec<u32> {
        self.queues.iter().flatten().map(Queue::shards).collect()
    }

    /// `kill -9`.
    pub(crate) fn kill_queue(&mut self, number: usize) {
        self.take_queue(number).kill();
    }

    /// Ends a replica the polite way.
    pub(crate) fn stop_queue(&mut self, number: usize) {
        let ended = self.take_queue(number).stop();
        assert!(ended.success(), "a queue ended with a failure");
    }

    fn take_queue(&mut self, number: usize) -> Running {
        self.queues[number].take().expect("a running queue").running
    }

    /// Empties Redis.
    pub(crate) fn wipe_redis(&self) {
        let path = self.databases.redis.strip_prefix("unix://");
        let mut stream = UnixStream::connect(path.expect("a socket")).expect("Redis");
        stream.write_all(b"FLUSHALL\r\n").expect("written");
        let mut answer = [0; 5];
        stream.read_exact(&mut answer).expect("answered");
        assert_eq!(&answer, b"+OK\r\n");
    }

    /// Starts an executor, for the first time or on what an earlier one of this number left.
    pub(crate) fn start_executor(&mut self, number: usize) {
        let dir = self.executor_dir(number).display().to_string();
        let listen = ["--listen", "127.0.0.1:0", "--health-listen", "127.0.0.1:0"];
        let (running, _) =
            self.service(&[&["executor", "--data-dir", &dir], listen.as_slice()].concat());
        self.executors[number] = Some(running);
    }

    /// `kill -9`.
    pub(crate) fn kill_executor(&mut self, number: usize) {
        self.executors[number]
            .take()
            .expect("a running executor")
            .kill();
    }

    /// Ends all executors the polite way: what they spooled is in Postgres afterwards.
    pub(crate) fn stop_executors(&mut self) {
        for running in self.executors.iter_mut().filter_map(Option::take) {
            assert!(running.stop().success(), "an executor ended with a failure");
        }
    }

    pub(crate) async fn store(&self) -> Store {
        let vault = Vault::new(&[1; 32]);
        Store::connect(&self.databases.postgres, Role::Owner, 2, vault)
            .await
            .expect("Postgres")
    }
}
