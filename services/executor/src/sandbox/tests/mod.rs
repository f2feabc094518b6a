//! Real sandboxes, so these need root: elsewhere they fail, with the sentence that says why.

mod egress;
mod ends;
mod limits;
mod measure;
mod process;
mod reexec;
mod walls;

use chassis::Lifecycle;
use tokio::io::AsyncReadExt;

use super::*;

/// The spawner is this very program, see [`reexec`].
fn options(dir: &tempfile::TempDir, isolation: Isolation) -> Options {
    Options::new(
        std::env::current_exe().unwrap(),
        dir.path().join("sandboxes"),
        isolation,
    )
}

struct Host {
    sandboxes: Sandboxes,
    life: Lifecycle,
    dir: tempfile::TempDir,
}

async fn host(isolation: Isolation) -> Host {
    tuned(isolation, |_| {}).await
}

/// With options other than the tests' own.
async fn tuned(isolation: Isolation, tune: impl FnOnce(&mut Options)) -> Host {
    let dir = tempfile::tempdir().unwrap();
    let life = Lifecycle::new();
    let mut options = options(&dir, isolation);
    tune(&mut options);
    match Sandboxes::start(options, &life).await {
        Ok(sandboxes) => Host {
            sandboxes,
            life,
            dir,
        },
        Err(error) => panic!("{error}"),
    }
}

async fn containers() -> Host {
    host(Isolation::Container).await
}

fn program(argv: &[&str]) -> Launch {
    Launch {
        memory_mb: 128,
        ephemeral_mb: 512,
        argv: argv.iter().map(|&arg| arg.to_owned()).collect(),
        env: vec![("PATH".to_owned(), "/usr/bin:/bin:/usr/sbin".to_owned())],
        binds: Vec::new(),
        cwd: "/".to_owned(),
        control: false,
    }
}

fn shell(script: &str) -> Launch {
    program(&["/bin/bash", "-c", script])
}

fn python(script: &str) -> Launch {
    program(&["/usr/bin/python3", "-I", "-c", script])
}

struct Outcome {
    exit: Exit,
    stdout: String,
    stderr: String,
    peak_mb: u32,
}

impl Host {
    async fn launch(&self, launch: Launch) -> Sandbox {
        self.sandboxes.launch(launch).await.unwrap()
    }

    async fn run(&self, launch: Launch) -> Outcome {
        self.watch(self.launch(launch).await).await
    }

    /// Waits for the end and takes what was written.
    async fn watch(&self, mut sandbox: Sandbox) -> Outcome {
        let (mut stdout, mut stderr) = (String::new(), String::new());
        let Sandbox {
            stdout: out,
            stderr: err,
            ..
        } = &mut sandbox;
        let (a, b) = tokio::join!(
            out.read_to_string(&mut stdout),
            err.read_to_string(&mut stderr)
        );
        a.and(b).unwrap();
        let exit = sandbox.exited().await;
        let peak_mb = sandbox.memory_peak_mb();
        sandbox.destroy().await;
        Outcome {
            exit,
            stdout,
            stderr,
            peak_mb,
        }
    }

    /// What a script that succeeds writes.
    async fn output(&self, launch: Launch) -> String {
        self.run(launch).await.success()
    }
}

impl Outcome {
    fn success(self) -> String {
        assert_eq!(self.exit, code(0), "{}{}", self.stdout, self.stderr);
        self.stdout
    }
}

fn code(code: i32) -> Exit {
    Exit {
        code: Some(code),
        signal: None,
        out_of_memory: false,
    }
}

/// Reads up to and including the next line's end.
async fn line(from: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut text = Vec::new();
    while !text.ends_with(b"\n") {
        text.push(from.read_u8().await.unwrap());
    }
    String::from_utf8(text).unwrap()
}
