//! Which of several billing services does the work: whoever holds the lock. All steps are safe to do twice; one doer spares work.

use sqlx::Postgres;
use sqlx::pool::PoolConnection;

use crate::{Error, Store};

/// Advisory lock of the billing service.
const LEADER: i64 = 0x746f_6c6c_6269_6c6c;

/// The lead, for as long as the connection lives that holds it.
#[derive(Debug)]
pub struct Lead(PoolConnection<Postgres>);

impl Store {
    /// Takes the lead in billing; `None` where another has it.
    pub async fn lead_billing(&self) -> Result<Option<Lead>, Error> {
        let mut connection = self.pool.acquire().await?;
        let taken = sqlx::query_scalar!(r#"SELECT pg_try_advisory_lock($1) AS "taken!""#, LEADER)
            .fetch_one(&mut *connection)
            .await?;
        if !taken {
            return Ok(None);
        }
        // The lock goes with the connection, which nobody else may get.
        connection.close_on_drop();
        Ok(Some(Lead(connection)))
    }
}

impl Lead {
    /// Whether the lead is still ours: its connection answers.
    pub async fn holds(&mut self) -> bool {
        let asked = sqlx::query!("SELECT 1 AS one").fetch_one(&mut *self.0);
        asked.await.is_ok()
    }
}
