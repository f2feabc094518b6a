//! Lanes: the queue of one function name.

use domain::{AccountId, FunctionName, Region};

use crate::{Error, Store};

/// The queue of one function name. Its id never changes, nor what it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    pub id: i64,
    pub account: AccountId,
    pub region: Region,
    pub function: FunctionName,
}

struct Row {
    id: i64,
    account_id: i64,
    region: String,
    function_name: String,
}

impl TryFrom<Row> for Lane {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let account = u64::try_from(row.account_id).ok().and_then(AccountId::new);
        Ok(Self {
            id: row.id,
            account: account.ok_or(Error::Inconsistent("lane.account_id"))?,
            region: row
                .region
                .parse()
                .map_err(|_| Error::Inconsistent("lane.region"))?,
            function: row
                .function_name
                .parse()
                .map_err(|_| Error::Inconsistent("lane.function_name"))?,
        })
    }
}

impl Store {
    /// The lane of a function name, made where there is none. Callers keep the answer.
    pub async fn lane(
        &self,
        account: AccountId,
        region: &Region,
        function: &FunctionName,
    ) -> Result<i64, Error> {
        let known = self.find_lane(account, region, function).await?;
        if let Some(id) = known {
            return Ok(id);
        }
        sqlx::query!(
            "INSERT INTO lane (account_id, region, function_name) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            account.number(),
            region.as_str(),
            function.as_str(),
        )
        .execute(&self.pool)
        .await?;
        self.find_lane(account, region, function)
            .await?
            .ok_or(Error::Inconsistent("lane"))
    }

    /// The lane of a function name, if an event was ever accepted for it.
    pub async fn find_lane(
        &self,
        account: AccountId,
        region: &Region,
        function: &FunctionName,
    ) -> Result<Option<i64>, Error> {
        Ok(sqlx::query_scalar!(
            "SELECT id FROM lane WHERE account_id = $1 AND region = $2 AND function_name = $3",
            account.number(),
            region.as_str(),
            function.as_str(),
        )
        .fetch_optional(&self.pool)
        .await?)
    }

    /// What these lanes stand for.
    pub async fn lanes(&self, ids: &[i64]) -> Result<Vec<Lane>, Error> {
        let rows = sqlx::query_as!(
            Row,
            "SELECT id, account_id, region, function_name FROM lane WHERE id = ANY($1)",
            ids
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(Lane::try_from).collect()
    }

    /// The lanes of an account in a region.
    pub async fn lanes_of(&self, account: AccountId, region: &Region) -> Result<Vec<Lane>, Error> {
        let rows = sqlx::query_as!(
            Row,
            "SELECT id, account_id, region, function_name FROM lane WHERE account_id = $1 AND region = $2 ORDER BY function_name",
            account.number(),
            region.as_str(),
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(Lane::try_from).collect()
    }
}
