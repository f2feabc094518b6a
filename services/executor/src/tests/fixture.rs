//! One executor with a database of its own.

use std::collections::BTreeMap;
use std::io::{Cursor, Write as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use chassis::{Clock, Ids, Lifecycle};
use domain::price::Sku;
use domain::{AccountId, Architecture, FunctionSpec, Version};
use package::Blobs;
use rpc::executor::{Client, InvokeReply, InvokeRequest};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use store::logs::{Event, Position, Selection, Window};
use store::{Role, Store, Vault};
use testkit::Database;
use tonic::{Code, Status};

use crate::sandbox::Isolation;
use crate::{Handle, Options};

async fn connect(database: &Database, role: Role) -> Store {
    Store::connect(&database.url(), role, 4, Vault::new(&[1; 32]))
        .await
        .unwrap()
}

/// A running executor, spoken to through its service object.
pub(super) struct Fixture {
    pub(super) client: Client,
    pub(super) handle: Handle,
    pub(super) life: Lifecycle,
    pub(super) owner: Store,
    pub(super) account: AccountId,
    pub(super) database: Database,
    blobs: Blobs,
    _dir: tempfile::TempDir,
}

/// Files of a function's package: path and text. All are executable.
pub(super) type Files<'a> = &'a [(&'a str, &'a str)];

impl Fixture {
    pub(super) async fn start() -> Self {
        Self::tuned(|_| {}).await
    }

    /// With options other than the tests' own.
    pub(super) async fn tuned(tune: impl FnOnce(&mut Options)) -> Self {
        let database = Database::create();
        let owner = connect(&database, Role::Owner).await;
        owner.migrate().await.unwrap();
        owner.seed_prices().await.unwrap();
        let number = u64::from_le_bytes(Ids.bytes()) % AccountId::MAX;
        let account = AccountId::new(number).unwrap();
        owner
            .create_account(account, "test", Clock::system().now())
            .await
            .unwrap()
            .unwrap();
        let dir = tempfile::tempdir().unwrap();
        // The interpreters' clients are downloaded once for all tests.
        let shared = std::env::temp_dir().join("tollgate-test-runtimes");
        std::fs::create_dir_all(&shared).unwrap();
        std::os::unix::fs::symlink(&shared, dir.path().join("runtimes")).unwrap();
        let blobs = Blobs::local(&dir.path().join("blobs")).unwrap();
        let mut options = Options {
            program: std::env::current_exe().unwrap(),
            data_dir: dir.path().to_owned(),
            isolation: Isolation::Container,
            memory_mb_max: Some(4_096),
            idle_ttl: Duration::from_mins(1),
            interpreters: Vec::<PathBuf>::new(),
            parked_runtimes: 0,
            gateway: None,
            egress: crate::sandbox::Egress::Deny,
            cluster: None,
            store: connect(&database, Role::Executor).await,
            blobs: blobs.clone(),
            clock: Clock::system(),
            host_clock: Clock::system(),
            ids: Ids,
        };
        tune(&mut options);
        let life = Lifecycle::new();
        let handle = crate::start(options, &life).await.unwrap();
        Self {
            client: Client::local(handle.service()),
            handle,
            life,
            owner,
            account,
            database,
            blobs,
            _dir: dir,
        }
    }

    /// A function whose package holds these files.
    pub(super) async fn deploy(
        &self,
        runtime: &str,
        handler: &str,
        files: Files<'_>,
    ) -> FunctionSpec {
        let zip = zip(files);
        let code_size = zip.len() as u64;
        let code_sha256 = hex::encode(Sha256::digest(&zip));
        self.blobs.put(&code_sha256, zip.into()).await.unwrap();
        FunctionSpec {
            spec_id: Ids.random().to_string(),
            account: self.account,
            region: "us-east-1".parse().unwrap(),
            name: format!("f-{}", Ids.random().simple()).parse().unwrap(),
            version: Version::Latest,
            runtime: runtime.to_owned(),
            handler: handler.to_owned(),
            architecture: Architecture::X86_64,
            memory_mb: 256,
            timeout_s: 10,
            ephemeral_mb: 512,
            egress: domain::Egress::None,
            environment: BTreeMap::new(),
            code_sha256,
            code_size,
        }
    }

    /// A Python function `app.handler`.
    pub(super) async fn python(&self, source: &str) -> FunctionSpec {
        self.deploy("python3.11", "app.handler", &[("app.py", source)])
            .await
    }

    pub(super) async fn invoke(
        &self,
        spec: &FunctionSpec,
        payload: &str,
    ) -> Result<InvokeReply, Status> {
        self.send(request(spec, payload)).await
    }

    pub(super) async fn send(&self, request: InvokeRequest) -> Result<InvokeReply, Status> {
        self.client.invoke(request).await
    }

    /// An invocation that must succeed; its result.
    pub(super) async fn call(&self, spec: &FunctionSpec, payload: &str) -> Value {
        let reply = self.invoke(spec, payload).await.unwrap();
        let text = String::from_utf8_lossy(&reply.payload).into_owned();
        assert_eq!(reply.function_error, "", "{text}");
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"))
    }

    /// An invocation that must fail in the function: its error, and the tail of its log.
    pub(super) async fn fail(&self, spec: &FunctionSpec, payload: &str) -> (Value, String) {
        let reply = self
            .send(InvokeRequest {
                tail: true,
                ..request(spec, payload)
            })
            .await
            .unwrap();
        let text = String::from_utf8_lossy(&reply.payload).into_owned();
        assert_eq!(reply.function_error, "Unhandled", "{text}");
        let error = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
        (error, String::from_utf8(reply.log_tail).unwrap())
    }

    /// The identifier of a Node that is installed here.
    pub(super) fn node(&self) -> Option<String> {
        self.handle
            .runtimes()
            .find(|name| name.starts_with("nodejs"))
            .map(str::to_owned)
    }

    /// Waits until so many environments are alive.
    pub(super) async fn until_live(&self, count: usize) {
        let mut changes = self.handle.pool().changes();
        let reached = async {
            while self.handle.live() != count {
                changes.changed().await.unwrap();
            }
        };
        tokio::time::timeout(Duration::from_secs(10), reached)
            .await
            .expect("environments end");
    }

    /// Waits until every runtime that can be parked is.
    pub(super) async fn until_parked(&self) {
        tokio::time::timeout(
            Duration::from_mins(2),
            self.handle.pool().parked().complete(),
        )
        .await
        .expect("runtimes are parked");
    }

    /// Drains; every record and line is in the database afterwards.
    pub(super) async fn stop(&self) {
        const PATIENCE: Duration = Duration::from_secs(30);
        let began = Instant::now();
        self.life.drain().cancel();
        self.life.run(PATIENCE).await.unwrap();
        assert!(began.elapsed() < PATIENCE, "it was cut off");
    }

    /// The function's log lines, each with its stream.
    pub(super) async fn lines(&self, spec: &FunctionSpec) -> Vec<(String, String)> {
        let events = self.log_events(spec).await.into_iter();
        events.map(|event| (event.stream, event.message)).collect()
    }

    /// As they are stored.
    pub(super) async fn log_events(&self, spec: &FunctionSpec) -> Vec<Event> {
        let groups = self
            .owner
            .log_groups(self.account, &spec.region, &spec.log_group(), "", None, 2)
            .await
            .unwrap();
        let Some(group) = groups.first() else {
            return Vec::new();
        };
        let start = Position::at("2020-01-01T00:00:00Z".parse().unwrap());
        let window = Window {
            events_max: 10_000,
            bytes_max: 100_000_000,
        };
        let page = self
            .owner
            .log_group_events_after(
                self.account,
                group.id,
                Selection::Prefix(""),
                start,
                None,
                window,
            )
            .await
            .unwrap();
        page.events
    }

    /// What usage says of the account's functions: requests, and MB-ms.
    pub(super) async fn usage(&self) -> (i128, i128) {
        let [from, to] =
            ["2020-01-01T00:00:00Z", "2100-01-01T00:00:00Z"].map(|at| at.parse().unwrap());
        let usage = self
            .owner
            .usage_by_function(self.account, None, from, to)
            .await
            .unwrap();
        let sum = |is: fn(Sku) -> bool| {
            let of_sku = usage.iter().filter(|usage| is(usage.sku));
            of_sku.map(|usage| usage.quantity).sum()
        };
        (
            sum(|sku| sku == Sku::Requests),
            sum(|sku| matches!(sku, Sku::Duration(_))),
        )
    }
}

pub(super) fn request(spec: &FunctionSpec, payload: &str) -> InvokeRequest {
    InvokeRequest {
        request_id: Ids.random().to_string(),
        attempt: 1,
        spec_id: spec.spec_id.clone(),
        spec: Some(spec.into()),
        invoked_function_arn: spec.arn().to_string(),
        payload: payload.to_owned().into(),
        client_context: String::new(),
        trace_id: String::new(),
        tail: false,
        traceparent: String::new(),
        work: None,
    }
}

fn zip(files: Files<'_>) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (path, text) in files {
        let options = zip::write::SimpleFileOptions::default().unix_permissions(0o755);
        zip.start_file(*path, options).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// The invocation was refused for this reason.
pub(super) fn refused(answer: Result<InvokeReply, Status>, code: Code) -> Status {
    let status = answer.expect_err("refused");
    assert_eq!(status.code(), code, "{status:?}");
    status
}

/// Runs all at once; their answers in order.
pub(super) async fn at_once<F: Future>(all: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    futures::future::join_all(all).await
}
