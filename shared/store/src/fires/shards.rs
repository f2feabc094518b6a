//! Which replicas of the scheduler there are. Their shards are held by the same leases as the queue's.

use uuid::Uuid;

use crate::{Error, Store};

impl Store {
    /// Says that this replica lives; answers all that were seen within `within_ms`, in order. Forgets those long gone.
    pub async fn scheduler_members(&self, me: Uuid, within_ms: u32) -> Result<Vec<Uuid>, Error> {
        sqlx::query!(
            "INSERT INTO scheduler_member (id, last_seen) VALUES ($1, clock_timestamp())
             ON CONFLICT (id) DO UPDATE SET last_seen = excluded.last_seen",
            me
        )
        .execute(&self.pool)
        .await?;
        sqlx::query!(
            "DELETE FROM scheduler_member WHERE last_seen < clock_timestamp() - interval '1 hour'"
        )
        .execute(&self.pool)
        .await?;
        Ok(sqlx::query_scalar!(
            "SELECT id FROM scheduler_member WHERE last_seen > clock_timestamp() - $1 * interval '1 millisecond' ORDER BY id",
            f64::from(within_ms)
        )
        .fetch_all(&self.pool)
        .await?)
    }

    /// Says that this replica is gone.
    pub async fn leave_scheduler(&self, me: Uuid) -> Result<(), Error> {
        sqlx::query!("DELETE FROM scheduler_member WHERE id = $1", me)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Says that these replicas are gone, in their place: their leases lapse now. One that lives after all comes back by itself.
    pub async fn forget_scheduler_members(&self, gone: &[Uuid]) -> Result<(), Error> {
        sqlx::query!(
            "WITH members AS (DELETE FROM scheduler_member WHERE id = ANY($1))
             UPDATE shard_lease SET expires_at = '-infinity'
             WHERE shard IN (SELECT shard FROM shard_lease WHERE owner = ANY($1) ORDER BY shard FOR UPDATE)
               AND owner = ANY($1)",
            gone
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
