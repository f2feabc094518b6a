//! The platform under test: a release `tollgate up` of its own, in a directory of its own, spoken to as any client would.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::{self, Answer, Shot};

/// A running platform; it ends with this value.
pub(crate) struct Platform {
    child: Child,
    pub(crate) address: String,
    pub(crate) dir: PathBuf,
    key_id: String,
    secret: String,
    work: TempDir,
}

impl Platform {
    /// Starts the binary and waits until it is ready.
    pub(crate) async fn start(tollgate: &Path) -> Result<Self> {
        let work = tempfile::Builder::new()
            .prefix("tollgate-bench-")
            .tempdir()?;
        let address = format!("127.0.0.1:{}", free_port()?);
        let mut platform = Self {
            child: spawn(tollgate, work.path(), &address)?,
            address,
            dir: work.path().join("data"),
            key_id: String::new(),
            secret: String::new(),
            work,
        };
        platform.wait_ready().await?;
        platform.read_key(tollgate)?;
        Ok(platform)
    }

    /// Ends it the polite way and starts it on the same data.
    pub(crate) async fn restart(&mut self, tollgate: &Path) -> Result<()> {
        self.end();
        self.child = spawn(tollgate, self.work.path(), &self.address)?;
        self.wait_ready().await
    }

    fn end(&mut self) {
        let pid = nix::unistd::Pid::from_raw(self.child.id().cast_signed());
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        let _ = self.child.wait();
    }

    async fn wait_ready(&mut self) -> Result<()> {
        let health = Shot {
            address: self.address.clone(),
            method: Method::GET,
            path: "/health".to_owned(),
            headers: HeaderMap::from_iter([(http::header::HOST, self.address.parse()?)]),
            body: Bytes::new(),
        };
        let deadline = Instant::now() + Duration::from_mins(1);
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                bail!("tollgate up ended with {status}: see up.log");
            }
            if matches!(client::once(&health).await, Ok(answer) if answer.status == 200) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("tollgate up was not ready within a minute")
    }

    fn read_key(&mut self, tollgate: &Path) -> Result<()> {
        let output = Command::new(tollgate)
            .arg("env")
            .arg("--data-dir")
            .arg(&self.dir)
            .output()?;
        ensure!(output.status.success(), "tollgate env failed");
        let text = String::from_utf8(output.stdout)?;
        let value = |name: &str| {
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix(&format!("export {name}=")));
            line.map(|value| value.trim_matches(['\'', '"']).to_owned())
        };
        self.key_id = value("AWS_ACCESS_KEY_ID").context("no key in tollgate env")?;
        self.secret = value("AWS_SECRET_ACCESS_KEY").context("no secret in tollgate env")?;
        Ok(())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A signed Lambda request.
    pub(crate) fn shot(&self, method: Method, path: &str, body: Bytes) -> Result<Shot> {
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::HOST, &self.address)
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(())?;
        let (mut parts, ()) = request.into_parts();
        let key = wire::sigv4::Credentials {
            access_key_id: self.key_id.clone(),
            secret: self.secret.clone(),
            session_token: None,
        };
        wire::sigv4::sign(
            &mut parts,
            &body,
            &key,
            "us-east-1",
            "lambda",
            chassis::Clock::system().now(),
        );
        Ok(Shot {
            address: self.address.clone(),
            method: parts.method,
            path: path.to_owned(),
            headers: parts.headers,
            body,
        })
    }

    pub(crate) fn invoke_shot(&self, name: &str, payload: &Bytes) -> Result<Shot> {
        let path = format!("/2015-03-31/functions/{name}/invocations");
        self.shot(Method::POST, &path, payload.clone())
    }

    /// Creates a function and waits until it is active.
    pub(crate) async fn create(&self, function: &Function<'_>) -> Result<()> {
        self.create_with(function, &[]).await
    }

    /// As [`Self::create`], with environment variables.
    pub(crate) async fn create_with(
        &self,
        function: &Function<'_>,
        environment: &[(&str, &str)],
    ) -> Result<()> {
        let variables: BTreeMap<&str, &str> = environment.iter().copied().collect();
        let body = json!({
            "Environment": { "Variables": variables },
            "FunctionName": function.name,
            "Runtime": function.runtime,
            "Handler": function.handler,
            "Role": "arn:aws:iam::000000000000:role/bench",
            "MemorySize": function.memory_mb,
            "Timeout": 30,
            "Code": { "ZipFile": STANDARD.encode(function.zip) },
        });
        self.call(Method::POST, "/2015-03-31/functions", &body, 201)
            .await?;
        self.wait_active(function.name).await
    }

    async fn wait_active(&self, name: &str) -> Result<()> {
        let path = format!("/2015-03-31/functions/{name}/configuration");
        for _ in 0..600 {
            let answer = self.call(Method::GET, &path, &Value::Null, 200).await?;
            let state: Value = serde_json::from_slice(&answer.body)?;
            if state["State"] == "Active" && state["LastUpdateStatus"] != "InProgress" {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!("{name} did not become active")
    }

    async fn call(&self, method: Method, path: &str, body: &Value, ok: u16) -> Result<Answer> {
        let body = if body.is_null() {
            Bytes::new()
        } else {
            body.to_string().into()
        };
        let answer = client::once(&self.shot(method, path, body)?).await?;
        let text = String::from_utf8_lossy(&answer.body);
        ensure!(answer.status == ok, "{path}: {} {text}", answer.status);
        Ok(answer)
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        self.end();
    }
}

fn spawn(tollgate: &Path, work: &Path, address: &str) -> Result<Child> {
    let log = std::fs::File::create(work.join("up.log"))?;
    Command::new(tollgate)
        .args(["up", "--listen", address, "--data-dir"])
        .arg(work.join("data"))
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .context("start tollgate up")
}

/// A function to create.
pub(crate) struct Function<'a> {
    pub(crate) name: &'a str,
    pub(crate) runtime: &'a str,
    pub(crate) handler: &'a str,
    pub(crate) zip: &'a [u8],
    /// Gives its share of a processor too: one at 1,769 MB.
    pub(crate) memory_mb: u32,
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?
        .local_addr()?
        .port())
}
