//! The catalog's stamp: tells gateways that what they remember of functions, keys and accounts may be stale.

use sqlx::PgConnection;

use crate::{Error, Store};

impl Store {
    /// Moves with every committed change of anything that an Invoke depends on.
    pub async fn catalog_stamp(&self) -> Result<i64, Error> {
        let row = sqlx::query!("SELECT stamp FROM catalog")
            .fetch_one(&self.pool)
            .await?;
        Ok(row.stamp)
    }
}

/// Moves the stamp when this transaction commits. Call it last: until then other changes wait for the row.
pub(crate) async fn touch_catalog(connection: &mut PgConnection) -> Result<(), Error> {
    sqlx::query!("UPDATE catalog SET stamp = stamp + 1")
        .execute(connection)
        .await?;
    Ok(())
}
