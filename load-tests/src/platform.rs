//! A `tollgate up` of our own, with a private data directory, started from the binary that is measured.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http::{HeaderMap, Method};
use tempfile::TempDir;

use crate::api::Door;
pub(crate) use crate::api::Function;
use crate::children::{Child, Program};
use crate::client::{self, Shot};

/// A running platform; it ends with this value.
pub(crate) struct Platform {
    // Ends before its directory goes.
    child: Option<Child>,
    pub(crate) door: Door,
    pub(crate) dir: PathBuf,
    work: TempDir,
}

impl Platform {
    /// Starts the binary and waits until it is ready.
    pub(crate) async fn start(tollgate: &Path) -> Result<Self> {
        let work = tempfile::Builder::new()
            .prefix("tollgate-bench-")
            .tempdir()?;
        let door = Door {
            address: format!("127.0.0.1:{}", free_port()?),
            key_id: String::new(),
            secret: String::new(),
        };
        let mut platform = Self {
            child: Some(spawn(tollgate, work.path(), &door.address)?),
            door,
            dir: work.path().join("data"),
            work,
        };
        platform.wait_ready().await?;
        platform.read_key(tollgate).await?;
        Ok(platform)
    }

    /// Ends it the polite way and starts it on the same data.
    pub(crate) async fn restart(&mut self, tollgate: &Path) -> Result<()> {
        drop(self.child.take());
        self.child = Some(spawn(tollgate, self.work.path(), &self.door.address)?);
        self.wait_ready().await
    }

    async fn wait_ready(&mut self) -> Result<()> {
        let child = self.child.as_mut().context("not started")?;
        wait_healthy(&self.door.address, child).await
    }

    async fn read_key(&mut self, tollgate: &Path) -> Result<()> {
        let words = [tollgate.as_os_str(), "env".as_ref(), "--data-dir".as_ref()];
        let words = words.into_iter().chain([self.dir.as_os_str()]);
        let program = Program::new("tollgate env", &self.work.path().join("env.log"), words);
        let text = program.piped().run(Duration::from_secs(30)).await?;
        self.door = Door::from_exports(&self.door.address, &text)?;
        Ok(())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    pub(crate) fn invoke_shot(&self, name: &str, payload: &Bytes) -> Result<Shot> {
        self.door.invoke(name, payload)
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
        self.door.create(function, environment).await
    }
}

/// Waits until a service answers its health check with a yes.
pub(crate) async fn wait_healthy(address: &str, child: &mut Child) -> Result<()> {
    let health = Shot {
        address: address.to_owned(),
        method: Method::GET,
        path: "/health".to_owned(),
        headers: HeaderMap::from_iter([(http::header::HOST, address.parse()?)]),
        body: Bytes::new(),
    };
    let deadline = Instant::now() + Duration::from_mins(1);
    while Instant::now() < deadline {
        child.must_run()?;
        if matches!(client::once(&health).await, Ok(answer) if answer.status == 200) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    bail!("{} was not ready within a minute", child.name)
}

fn spawn(tollgate: &Path, work: &Path, address: &str) -> Result<Child> {
    let data = work.join("data");
    let words = [
        tollgate.as_os_str(),
        "up".as_ref(),
        "--listen".as_ref(),
        address.as_ref(),
        "--data-dir".as_ref(),
        data.as_os_str(),
    ];
    Program::new("tollgate up", &work.join("up.log"), words).start()
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?
        .local_addr()?
        .port())
}
