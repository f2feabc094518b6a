//! What must hold when things break: metering across `kill -9`, services apart, the polite stop.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::bed::{Account, Bed, text_of};

const THREADS: u64 = 8;
const MEMORY_MB: u64 = 128;

/// Load that keeps its own book, from a client process of its own.
struct Load {
    client: Child,
    stop: std::path::PathBuf,
}

impl Load {
    fn start(bed: &Bed, account: &Account, work: &Path) -> Self {
        let stop = work.join("stop");
        let threads = THREADS.to_string();
        let environment = [("LOAD_THREADS", threads.as_str()), ("STOP", stop.to_str().expect("UTF-8"))];
        let mut deploy = bed.command(account, "load.py", "deploy");
        text_of(&deploy.envs(environment).output().expect("python runs"), "deploy");
        let mut run = bed.command(account, "load.py", "run");
        let client = run.envs(environment).stdout(Stdio::piped()).spawn().expect("python runs");
        let load = Self { client, stop };
        wait_until("every thread had an answer", || {
            (0..THREADS).all(|n| Path::new(&format!("{}.started-{n}", load.stop.display())).exists())
        });
        load
    }

    /// Ends the load and answers each function's book.
    fn finish(self) -> Vec<Value> {
        std::fs::write(&self.stop, "").expect("writable");
        let output = self.client.wait_with_output().expect("python ended");
        serde_json::from_str(&text_of(&output, "load")).expect("books")
    }
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "not within a minute: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
