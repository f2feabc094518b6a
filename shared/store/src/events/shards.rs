//! Who works on which shard: leases by the database's own clock.

use std::collections::HashMap;

use uuid::Uuid;

use crate::{Error, Store};

/// A shard that is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardLease {
    pub shard: i16,
    /// Grows with every change of owner.
    pub epoch: i64,
}

impl Store {
    /// Says that this replica lives; answers all that were seen within `within_ms`, in order. Forgets those long gone.
    pub async fn queue_members(&self, me: Uuid, within_ms: u32) -> Result<Vec<Uuid>, Error> {
        sqlx::query!(
            "INSERT INTO queue_member (id, last_seen) VALUES ($1, clock_timestamp())
             ON CONFLICT (id) DO UPDATE SET last_seen = excluded.last_seen",
            me
        )
        .execute(&self.pool)
        .await?;
        sqlx::query!(
            "DELETE FROM queue_member WHERE last_seen < clock_timestamp() - interval '1 hour'"
        )
        .execute(&self.pool)
        .await?;
        Ok(sqlx::query_scalar!(
            "SELECT id FROM queue_member WHERE last_seen > clock_timestamp() - $1 * interval '1 millisecond' ORDER BY id",
            f64::from(within_ms)
        )
        .fetch_all(&self.pool)
        .await?)
    }

    /// Takes and keeps leases on these shards for `lease_ms`; answers those held now. One that another holds stays its own until it
    /// lapses.
    pub async fn hold_shards(
        &self,
        me: Uuid,
        shards: &[i16],
        lease_ms: u32,
    ) -> Result<Vec<ShardLease>, Error> {
        Ok(sqlx::query_as!(
            ShardLease,
            "UPDATE shard_lease SET
                 epoch = CASE WHEN owner = $1 AND expires_at >= clock_timestamp() THEN epoch ELSE epoch + 1 END,
                 owner = $1,
                 expires_at = clock_timestamp() + $3 * interval '1 millisecond'
             WHERE shard IN (SELECT shard FROM shard_lease WHERE shard = ANY($2) ORDER BY shard FOR UPDATE)
               AND (owner = $1 OR expires_at < clock_timestamp())
             RETURNING shard, epoch",
            me,
            shards,
            f64::from(lease_ms),
        )
        .fetch_all(&self.pool)
        .await?)
    }

    /// Who holds shards from `first` on, so many of them; those whose lease has lapsed are nobody's.
    pub async fn shard_owners(&self, first: i16, count: i16) -> Result<HashMap<i16, Uuid>, Error> {
        let rows = sqlx::query!(
            r#"SELECT shard, owner AS "owner!" FROM shard_lease
             WHERE shard >= $1 AND shard < $1 + $2 AND owner IS NOT NULL AND expires_at >= clock_timestamp()"#,
            first,
            count,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(|row| (row.shard, row.owner)).collect())
    }

    /// Gives shards back, so that another need not wait.
    pub async fn release_shards(&self, me: Uuid, shards: &[i16]) -> Result<(), Error> {
        sqlx::query!(
            "UPDATE shard_lease SET expires_at = '-infinity' WHERE owner = $1 AND shard = ANY($2)",
            me,
            shards,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Says that this replica is gone.
    pub async fn leave_queue(&self, me: Uuid) -> Result<(), Error> {
        sqlx::query!("DELETE FROM queue_member WHERE id = $1", me)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Says that these replicas are gone, in their place: their leases lapse now. One that lives after all comes back by itself.
    pub async fn forget_queue_members(&self, gone: &[Uuid]) -> Result<(), Error> {
        sqlx::query!(
            "WITH members AS (DELETE FROM queue_member WHERE id = ANY($1))
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
