//! Postgres: the only crate that imports sqlx.
//!
//! One [`Store`], its methods spread over one file per noun. Every query names the account. A method that changes something
//! is one transaction; absence is `Ok(None)` and the caller decides whether that is an error.

pub mod access_keys;
pub mod accounts;
pub mod accrual;
pub mod aliases;
pub mod async_policies;
mod attendance;
pub mod billing_terms;
pub mod budgets;
pub mod caps;
mod catalog;
mod charges;
pub mod concurrency;
mod error;
pub mod event_invoke_configs;
pub mod events;
pub mod explorer;
pub mod fires;
pub mod functions;
pub mod iam;
pub mod invoices;
pub mod lead;
pub mod ledger;
pub mod logs;
mod numeric;
pub mod parties;
pub mod periods;
pub mod price_books;
pub mod prices;
mod rated_months;
pub mod recursion;
pub mod reports;
pub mod rules;
#[cfg(test)]
mod samples;
pub mod schedule_controls;
pub mod schedule_groups;
pub mod schedules;
pub mod tags;
#[cfg(feature = "testing")]
pub mod testing;
pub mod usage;
mod vault;
pub mod verify;
mod version_row;
pub mod versions;
pub mod witness;

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgPool, Postgres, Transaction};

pub use attendance::Attendance;
pub use error::Error;
pub use vault::Vault;

/// No statement of a service's may take longer: those that are slow take a hundredth of it.
const STATEMENT_TIME_MAX: &str = "2min";

/// Migrations, embedded; applied under sqlx's advisory lock.
static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../../sql/migrations");

/// Which of a service's Postgres roles a connection takes (made and granted in `sql/migrations`): the least it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Owns the tables: migrations and operator commands.
    Owner,
    Gateway,
    Executor,
    Queue,
    Scheduler,
    Billing,
}

impl Role {
    fn name(self) -> Option<&'static str> {
        match self {
            Self::Owner => None,
            Self::Gateway => Some("tollgate_gateway"),
            Self::Executor => Some("tollgate_executor"),
            Self::Queue => Some("tollgate_queue"),
            Self::Scheduler => Some("tollgate_scheduler"),
            Self::Billing => Some("tollgate_billing"),
        }
    }
}

/// A pool of connections and the key that opens what is encrypted at rest. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    pool: PgPool,
    vault: Vault,
    ring: events::ring::Ring,
    fire_ring: fires::ring::FireRing,
    usage_rows: usage::Rows,
}

impl Store {
    /// Connects to `url` as `role` with at most `connections_max` connections.
    pub async fn connect(
        url: &str,
        role: Role,
        connections_max: u32,
        vault: Vault,
    ) -> Result<Self, Error> {
        let mut options: PgConnectOptions = url.parse().map_err(Error::Database)?;
        if let Some(role) = role.name() {
            // Services ask short questions: a second process for one costs more than it brings, and one that does not come to an
            // end is a mistake of the planner's, which must not take a processor for good. Closing a month may take its time.
            let time_max = if role == "tollgate_billing" {
                "0"
            } else {
                STATEMENT_TIME_MAX
            };
            let settings = [
                ("role", role),
                ("max_parallel_workers_per_gather", "0"),
                ("statement_timeout", time_max),
            ];
            options = options.options(settings);
        }
        let pool = PgPoolOptions::new()
            .max_connections(connections_max)
            .acquire_timeout(Duration::from_secs(5))
            .connect_with(options)
            .await?;
        Ok(Self::of(pool, vault))
    }

    /// A store on a pool.
    pub(crate) fn of(pool: PgPool, vault: Vault) -> Self {
        Self {
            pool,
            vault,
            ring: events::ring::Ring::default(),
            fire_ring: fires::ring::FireRing::default(),
            usage_rows: usage::Rows::default(),
        }
    }

    /// Brings the schema up to date. Safe to call from several processes at once.
    pub async fn migrate(&self) -> Result<(), Error> {
        MIGRATOR
            .run(&self.pool)
            .await
            .map_err(|error| Error::Database(error.into()))
    }

    /// The cheapest round trip there is: for `/health`.
    pub async fn ping(&self) -> Result<(), Error> {
        sqlx::query!("SELECT 1 AS one")
            .fetch_one(&self.pool)
            .await?;
        Ok(())
    }

    /// A transaction that writes nothing and sees everything as it was at one moment.
    pub(crate) async fn snapshot(&self) -> Result<Transaction<'static, Postgres>, Error> {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        Ok(self.pool.begin_with(begin).await?)
    }

    /// Closes all connections, waiting for those in use.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}
