//! That a replica is there: a session of its own, and a lock that ends with it.
//!
//! The database ends a session, and with it the session's advisory locks, at the moment in which the process at its other end
//! dies. So the others see by the lock, much earlier than by a lease, that a replica is gone. The lock is a shared one: nobody
//! waits for it, not even a replica that comes back while the database still believes in the session that it lost.

use sqlx::{Connection as _, PgConnection};

use crate::{Error, Store};

/// A session apart from the pool, which holds a lock as long as it lasts. It ends when this value is dropped.
#[derive(Debug)]
pub struct Attendance(PgConnection);

impl Store {
    /// Begins a session that holds the lock of this key.
    pub async fn attend(&self, key: i64) -> Result<Attendance, Error> {
        let mut session = PgConnection::connect_with(&self.pool.connect_options()).await?;
        // Never refused: all locks of these keys are shared ones.
        sqlx::query!("SELECT pg_advisory_lock_shared($1)", key)
            .execute(&mut session)
            .await?;
        Ok(Attendance(session))
    }
}

impl Attendance {
    /// Which of these keys are held by anybody at this moment. An error: the session is lost, and its own lock with it.
    pub async fn present(&mut self, keys: &[i64]) -> Result<Vec<i64>, Error> {
        // The table of locks shows a key of 64 bits as two halves (objsubid 1 says so), and the locks of other databases too.
        Ok(sqlx::query_scalar!(
            r#"SELECT DISTINCT l.classid::bigint << 32 | l.objid::bigint AS "key!" FROM pg_locks AS l
             WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted
               AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
               AND l.classid::bigint << 32 | l.objid::bigint = ANY($1)"#,
            keys
        )
        .fetch_all(&mut self.0)
        .await?)
    }
}
