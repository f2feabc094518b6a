//! Metering: what it costs a call, how much of it Postgres takes in, how soon it is on the bill.
//!
//! The first two run the executors' own spool in this process, against a Postgres with the product's settings; the third asks a
//! running platform at its door.

mod call_path;
mod freshness;
mod ingest;
mod records;

use std::path::{Path, PathBuf};

use anyhow::Result;
use chassis::{Clock, Lifecycle};
use executor::prices::Prices;
use executor::spool::{Options, Spool};
use store::{Role, Store, Vault};
use tempfile::TempDir;

use crate::bench::Bench;
use crate::databases::Postgres;
use crate::platform::free_port;
use crate::report::Measured;

/// Connections of an executor to the database.
const CONNECTIONS: u32 = 4;

pub(crate) async fn measure(bench: &Bench) -> Result<Measured> {
    let mut measured = Measured::default();
    let metering = Metering::start().await?;
    measured
        .rows
        .extend(call_path::measure(&metering, bench).await?);
    drop(metering);
    // Another one: it has counted nothing yet.
    let metering = Metering::start().await?;
    measured
        .rows
        .extend(ingest::measure(&metering, bench).await?);
    drop(metering);
    freshness::measure(bench, &mut measured).await?;
    Ok(measured)
}

/// A database that executors send to.
struct Metering {
    owner: Store,
    executor: Store,
    // Ends before its directory goes.
    _postgres: Postgres,
    dir: TempDir,
}

impl Metering {
    async fn start() -> Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("tollgate-load-")
            .tempdir()?;
        let address = ([127, 0, 0, 1], free_port()?).into();
        let postgres = Postgres::start(dir.path(), address, None).await?;
        let vault = || Vault::new(&[1; 32]);
        let owner = Store::connect(&postgres.url(), Role::Owner, 2, vault()).await?;
        owner.migrate().await?;
        owner.seed_prices().await?;
        let connections = CONNECTIONS * ingest::EXECUTORS;
        let executor =
            Store::connect(&postgres.url(), Role::Executor, connections, vault()).await?;
        Ok(Self {
            owner,
            executor,
            _postgres: postgres,
            dir,
        })
    }

    fn spool_dir(&self, number: u32) -> PathBuf {
        self.path().join(format!("spool-{number}"))
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    /// An executor's spool, with its background.
    async fn spool(&self, number: u32, life: &Lifecycle) -> Result<Spool> {
        let prices = Prices::start(self.executor.clone(), life).await;
        let options = Options::new(self.spool_dir(number));
        std::fs::create_dir_all(&options.dir)?;
        let store = self.executor.clone();
        Ok(Spool::open(options, store, prices, Clock::system(), life).await?)
    }
}
