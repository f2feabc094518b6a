//! The private Postgres and Redis: whatever becomes of us, they end, and the next start finds its way.
//!
//! Every test works below a temporary directory that only its owner may enter, so as root the mount namespaces are
//! exercised too: the servers' users could not reach their directories without.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::bed::TOLLGATE;

/// `tollgate private-services` around a command that waits for the end of its input.
struct Running {
    child: Child,
    /// The command's own; tollgate's copy of it is the command's input.
    input: ChildStdin,
    dir: PathBuf,
}

fn work() -> TempDir {
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    tempfile::Builder::new()
        .permissions(private)
        .tempdir()
        .expect("a directory")
}

impl Running {
    fn start(dir: &Path) -> Self {
        let mut child = Command::new(TOLLGATE)
            .args(["private-services", "--data-dir"])
            .arg(dir)
            .args([
                "--",
                "sh",
                "-c",
                "echo $DATABASE_URL $REDIS_URL; cat >&2; exit 7",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("tollgate starts");
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().expect("piped"));
        output.read_line(&mut line).expect("readable");
        assert!(
            line.contains("postgres://tollgate@localhost/tollgate?host="),
            "{line:?}"
        );
        assert!(line.contains("unix://"), "{line:?}");
        let input = child.stdin.take().expect("piped");
        Self {
            child,
            input,
            dir: dir.to_owned(),
        }
    }

    fn postgres(&self) -> i32 {
        pid(&self.dir.join("postgres/data/postmaster.pid"))
    }

    fn redis(&self) -> i32 {
        pid(&self.dir.join("redis/redis.pid"))
    }

    /// Ends the command, and waits for ours to end too.
    fn stop(mut self) -> Option<i32> {
        drop(self.input);
        self.child.wait().expect("ended").code()
    }
}

fn pid(file: &Path) -> i32 {
    let text =
        std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    text.lines()
        .next()
        .expect("a line")
        .trim()
        .parse()
        .expect("a process id")
}

fn runs(pid: i32) -> bool {
    // A zombie has no working directory.
    Path::new(&format!("/proc/{pid}/cwd")).read_link().is_ok()
}

fn ping(dir: &Path) -> std::io::Result<UnixStream> {
    let mut stream = UnixStream::connect(dir.join("redis/redis.sock"))?;
    stream.write_all(b"PING\r\n")?;
    let mut answer = [0; 7];
    stream.read_exact(&mut answer)?;
    assert_eq!(&answer, b"+PONG\r\n");
    Ok(stream)
}

#[test]
fn they_last_as_long_as_the_command() {
    let work = work();
    let dir = work.path().join("data");
    let running = Running::start(&dir);
    let pids = [running.postgres(), running.redis()];
    assert!(pids.into_iter().all(runs), "{pids:?}");
    assert_eq!(running.stop(), Some(7), "the command's exit code is ours");
    assert!(!pids.into_iter().any(runs), "{pids:?}");
}

#[test]
fn after_kill_9_they_end_and_the_next_start_recovers() {
    let work = work();
    let dir = work.path().join("data");
    let mut first = Running::start(&dir);
    let old = [first.postgres(), first.redis()];
    first.child.kill().expect("running");
    first.child.wait().expect("ended");
    // At once, while they may still be ending: the start waits for them.
    let second = Running::start(&dir);
    assert!(!old.into_iter().any(runs), "{old:?}");
    let new = [second.postgres(), second.redis()];
    assert!(new.into_iter().all(runs), "{new:?}");
    ping(&dir).expect("Redis answers");
    assert_eq!(second.stop(), Some(7));
}

#[test]
fn one_that_dies_is_started_again() {
    let work = work();
    let dir = work.path().join("data");
    let running = Running::start(&dir);
    let (postgres, redis) = (running.postgres(), running.redis());
    let mut connection = ping(&dir).expect("Redis answers");
    for pid in [postgres, redis] {
        kill(Pid::from_raw(pid), Signal::SIGKILL).expect("running");
    }
    // The kernel closes the connection when the process is gone.
    assert_eq!(connection.read(&mut [0; 1]).expect("closed"), 0);
    let deadline = Instant::now() + Duration::from_secs(30);
    let alive = || ping(&dir).is_ok() && postgres_ready(&dir).is_some_and(|pid| pid != postgres);
    while !alive() {
        assert!(Instant::now() < deadline, "not within 30 s");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_ne!(running.redis(), redis);
    assert_eq!(running.stop(), Some(7));
}

fn postgres_ready(dir: &Path) -> Option<i32> {
    let text = std::fs::read_to_string(dir.join("postgres/data/postmaster.pid")).ok()?;
    let lines: Vec<_> = text.lines().collect();
    (lines.get(7)?.trim() == "ready").then(|| lines[0].parse().ok())?
}

#[test]
fn a_directory_serves_one_at_a_time() {
    let work = work();
    let dir = work.path().join("data");
    let running = Running::start(&dir);
    let second = Command::new(TOLLGATE)
        .args(["private-services", "--data-dir"])
        .arg(&dir)
        .args(["--", "true"])
        .output()
        .expect("tollgate runs");
    let text = String::from_utf8_lossy(&second.stderr);
    let expected = format!(
        "tollgate: Tollgate already runs on {} (process {}). Stop it, or choose another --data-dir.\n",
        dir.canonicalize().expect("it exists").display(),
        running.child.id()
    );
    assert_eq!(text, expected);
    assert_eq!(second.status.code(), Some(1));
    assert_eq!(running.stop(), Some(7));
}

/// A unix socket's address holds 107 bytes. A data directory may be deeper than that.
#[test]
fn a_deep_directory_works() {
    let work = work();
    let deep = "a-rather-long-name-for-a-directory";
    let dir = work
        .path()
        .join(deep)
        .join(deep)
        .join(deep)
        .join("with a space, it's \"deep\"");
    let running = Running::start(&dir);
    assert!(runs(running.postgres()) && runs(running.redis()));
    assert_eq!(running.stop(), Some(7));
}
