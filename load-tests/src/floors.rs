//! What the machine gives at most: the disk's syncs, and rows that Postgres takes in batches.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::task::JoinSet;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::databases::Postgres;
use crate::figures::{Figures, Latencies, per};

/// Of a row's payload.
const ROW_BYTES: usize = 1_024;
const BATCH_ROWS: usize = 100;
const CONNECTIONS: u128 = 4;

/// Appends a block of 4 KB and syncs it, over and over. The file is in `dir`, on the disk that Postgres writes to.
pub(crate) fn fdatasync(dir: &Path, time: Duration) -> Result<Figures> {
    let path = dir.join("floor-fdatasync");
    let mut file = File::create(&path)?;
    let block = [7_u8; 4_096];
    let mut latencies = Latencies::default();
    let began = Instant::now();
    while began.elapsed() < time {
        let started = Instant::now();
        file.write_all(&block)?;
        file.sync_data()?;
        latencies.record(started.elapsed());
    }
    let figures = latencies.figures(began.elapsed());
    drop(file);
    std::fs::remove_file(path)?;
    Ok(figures)
}

/// Rows a second of 1 KB, 100 a statement by UNNEST, on four connections, each statement a committed transaction; the table
/// has a primary key and an index of what is pending.
pub(crate) async fn unnest(postgres: &Postgres, time: Duration) -> Result<f64> {
    let owner = postgres.connect().await?;
    owner
        .batch_execute(
            "DROP TABLE IF EXISTS floor;
             CREATE TABLE floor (id uuid PRIMARY KEY, lane bigint NOT NULL, done boolean NOT NULL DEFAULT false, payload bytea NOT NULL);
             CREATE INDEX floor_pending ON floor (lane, id) WHERE NOT done",
        )
        .await?;
    let rows = Arc::<AtomicU64>::default();
    let started = Instant::now();
    let mut writers = JoinSet::new();
    for connection in 0..CONNECTIONS {
        let (client, rows) = (postgres.connect().await?, Arc::clone(&rows));
        writers.spawn(async move { write(&client, connection, started + time, &rows).await });
    }
    while let Some(writer) = writers.join_next().await {
        writer??;
    }
    let rate = per(
        rows.load(Ordering::Relaxed),
        started.elapsed().as_secs_f64(),
    );
    owner.batch_execute("DROP TABLE floor").await?;
    Ok(rate)
}

async fn write(client: &Client, connection: u128, until: Instant, rows: &AtomicU64) -> Result<()> {
    let statement = client
        .prepare("INSERT INTO floor (id, lane, payload) SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bytea[])")
        .await?;
    let payloads = vec![vec![7_u8; ROW_BYTES]; BATCH_ROWS];
    let lanes = vec![1_i64; BATCH_ROWS];
    let mut next: u128 = 0;
    while Instant::now() < until {
        // In order, as ids with a time in front are.
        let ids: Vec<Uuid> = (next..)
            .take(BATCH_ROWS)
            .map(|id| ordered(id, connection))
            .collect();
        next += BATCH_ROWS as u128;
        let written = client
            .execute(&statement, &[&ids, &lanes, &payloads])
            .await?;
        ensure!(written == BATCH_ROWS as u64, "{written} rows written");
        rows.fetch_add(written, Ordering::Relaxed);
    }
    Ok(())
}

fn ordered(number: u128, connection: u128) -> Uuid {
    Uuid::from_u128((number << 64) | connection)
}
