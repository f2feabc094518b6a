//! A database of its own for a test of another crate (this crate's own tests use `#[sqlx::test]`).
//!
//! Only with the feature `testing`, which only dev-dependencies switch on.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::{Error, MIGRATOR, Store, Vault};

/// Names of these databases start so; the process' id and a number follow.
const PREFIX: &str = "tollgate_test_";

/// A migrated, empty database and a store on it, on the server that `DATABASE_URL` (or the nearest `.env` file) names.
///
/// It cannot be dropped when the test ends, because a test may fail anywhere; the next test to start drops those of
/// processes that are gone.
pub async fn store() -> Result<Store, Error> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let server: PgConnectOptions = url().parse()?;
    let mut connection = PgConnection::connect_with(&server).await?;
    drop_abandoned(&mut connection).await?;
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("{PREFIX}{}_{count}", std::process::id());
    let create = format!("CREATE DATABASE {name}");
    sqlx::query(AssertSqlSafe(create))
        .execute(&mut connection)
        .await?;
    connection.close().await?;
    let options = PgPoolOptions::new().max_connections(4);
    let pool = options.connect_with(server.database(&name)).await?;
    MIGRATOR
        .run(&pool)
        .await
        .map_err(|error| Error::Database(error.into()))?;
    Ok(Store::of(pool, Vault::new(&[1; 32])))
}

/// Ends the sessions that hold the lock of this key, as the database does when it loses sight of a client. Answers how many.
pub async fn end_attendance(store: &Store, key: i64) -> Result<usize, Error> {
    let ended: Vec<bool> = sqlx::query_scalar(
        "SELECT pg_terminate_backend(pid) FROM pg_locks
         WHERE locktype = 'advisory' AND classid::bigint << 32 | objid::bigint = $1
           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    )
    .bind(key)
    .fetch_all(&store.pool)
    .await?;
    Ok(ended.len())
}

async fn drop_abandoned(connection: &mut PgConnection) -> Result<(), Error> {
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT datname::text FROM pg_database WHERE starts_with(datname::text, $1)",
    )
    .bind(PREFIX)
    .fetch_all(&mut *connection)
    .await?;
    for name in names {
        let process = name
            .trim_start_matches(PREFIX)
            .split('_')
            .next()
            .unwrap_or_default();
        if Path::new("/proc").join(process).exists() {
            continue;
        }
        // Another test may be dropping it at the same moment.
        let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        let _ = sqlx::query(AssertSqlSafe(drop))
            .execute(&mut *connection)
            .await;
    }
    Ok(())
}

/// As sqlx's own tests look for it.
fn url() -> String {
    if let Ok(url) = std::env::var("DATABASE_URL") {
        return url;
    }
    let here = std::env::current_dir().unwrap_or_default();
    let files = here.ancestors().map(|directory| directory.join(".env"));
    let text = files
        .map(std::fs::read_to_string)
        .find_map(Result::ok)
        .unwrap_or_default();
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix("DATABASE_URL="));
    value
        .unwrap_or_default()
        .trim_matches(['"', '\''])
        .to_owned()
}
