//! Aliases: named pointers to versions.

use domain::{Alias, AliasName, FunctionArn, Version};
use uuid::Uuid;

use crate::catalog::touch_catalog;
use crate::version_row::{number, version_of};
use crate::versions::lock_function;
use crate::{Error, Store};

/// The constraint that refuses a second alias of one name.
pub const ALIAS_EXISTS: &str = "alias_pkey";
/// The constraint that refuses an alias of a version that does not exist.
pub const NO_VERSION: &str = "alias_version_fkey";
/// As [`NO_VERSION`], for the version with the additional weight.
pub const NO_OTHER_VERSION: &str = "alias_other_version_fkey";

/// Why a change of an alias did not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    NoFunction,
    NoAlias,
    /// The caller demanded another revision than there is.
    RevisionDiffers,
}

impl Store {
    /// Creates an alias. The error's constraint may be [`ALIAS_EXISTS`], [`NO_VERSION`] or [`NO_OTHER_VERSION`].
    pub async fn create_alias(
        &self,
        arn: &FunctionArn,
        alias: &Alias,
    ) -> Result<Result<(), Refusal>, Error> {
        let mut tx = self.pool.begin().await?;
        if !lock_function(&mut tx, arn).await? {
            return Ok(Err(Refusal::NoFunction));
        }
        let row = AliasRow::from_alias(alias)?;
        sqlx::query!(
            "INSERT INTO alias (account_id, region, function_name, name, number, description, other_number,
                 other_weight, revision_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            arn.account.number(),
            arn.region.as_str(),
            arn.name.as_str(),
            row.name,
            row.number,
            row.description,
            row.other_number,
            row.other_weight,
            row.revision_id,
        )
        .execute(&mut *tx)
        .await?;
        touch_catalog(&mut tx).await?;
        tx.commit().await?;
        Ok(Ok(()))
    }

    /// Changes an alias by `edit`; answers what it became. The error's constraint may be [`NO_VERSION`] or
    /// [`NO_OTHER_VERSION`]. `edit` may refuse; the alias then stays as it is.
    pub async fn update_alias<F: Send>(
        &self,
        arn: &FunctionArn,
        name: &AliasName,
        revision_id: Option<&str>,
        edit: impl FnOnce(&mut Alias) -> Result<(), F> + Send,
    ) -> Result<Result<Result<Alias, F>, Refusal>, Error> {
        let mut tx = self.pool.begin().await?;
        if !lock_function(&mut tx, arn).await? {
            return Ok(Err(Refusal::NoFunction));
        }
        let Some(mut alias) = read(&mut *tx, arn, name).await? else {
            return Ok(Err(Refusal::NoAlias));
        };
        if revision_id.is_some_and(|demanded| demanded != alias.revision_id) {
            return Ok(Err(Refusal::RevisionDiffers));
        }
        if let Err(refusal) = edit(&mut alias) {
            return Ok(Ok(Err(refusal)));
        }
        let row = AliasRow::from_alias(&alias)?;
        sqlx::query!(
            "UPDATE alias SET number = $5, description = $6, other_number = $7, other_weight = $8, revision_id = $9
             WHERE account_id = $1 AND region = $2 AND function_name = $3 AND name = $4",
            arn.account.number(),
            arn.region.as_str(),
            arn.name.as_str(),
            row.name,
            row.number,
            row.description,
            row.other_number,
            row.other_weight,
            row.revision_id,
        )
        .execute(&mut *tx)
        .await?;
        touch_catalog(&mut tx).await?;
        tx.commit().await?;
        Ok(Ok(Ok(alias)))
    }

    /// Deletes an alias; `false` where there is none.
    pub async fn delete_alias(&self, arn: &FunctionArn, name: &AliasName) -> Result<bool, Error> {
        let mut tx = self.pool.begin().await?;
        let deleted = sqlx::query!(
            "DELETE FROM alias WHERE account_id = $1 AND region = $2 AND function_name = $3 AND name = $4",
            arn.account.number(),
            arn.region.as_str(),
            arn.name.as_str(),
            name.as_str(),
        )
        .execute(&mut *tx)
        .await?;
        touch_catalog(&mut tx).await?;
        tx.commit().await?;
        Ok(deleted.rows_affected() > 0)
    }

    pub async fn alias(&self, arn: &FunctionArn, name: &AliasName) -> Result<Option<Alias>, Error> {
        read(&self.pool, arn, name).await
    }

    /// At most `limit` aliases in order of name, from behind `after`; only those of `version` where one is given.
    pub async fn aliases(
        &self,
        arn: &FunctionArn,
        version: Option<Version>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Alias>, Error> {
        let rows = sqlx::query_as!(
            AliasRow,
            "SELECT name, number, description, other_number, other_weight, revision_id
             FROM alias
             WHERE account_id = $1 AND region = $2 AND function_name = $3
                 AND ($4::integer IS NULL OR number = $4 OR other_number = $4)
                 AND name > $5
             ORDER BY name
             LIMIT $6",
            arn.account.number(),
            arn.region.as_str(),
            arn.name.as_str(),
            version.map(number),
            after.unwrap_or_default(),
            i64::from(limit),
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(AliasRow::into_alias).collect()
    }
}

async fn read<'c>(
    executor: impl sqlx::PgExecutor<'c>,
    arn: &FunctionArn,
    name: &AliasName,
) -> Result<Option<Alias>, Error> {
    let row = sqlx::query_as!(
        AliasRow,
        "SELECT name, number, description, other_number, other_weight, revision_id
         FROM alias
         WHERE account_id = $1 AND region = $2 AND function_name = $3 AND name = $4",
        arn.account.number(),
        arn.region.as_str(),
        arn.name.as_str(),
        name.as_str(),
    )
    .fetch_optional(executor)
    .await?;
    row.map(AliasRow::into_alias).transpose()
}

/// One row of `alias`.
struct AliasRow {
    name: String,
    number: i32,
    description: String,
    other_number: Option<i32>,
    other_weight: Option<f64>,
    revision_id: Uuid,
}

impl AliasRow {
    fn from_alias(alias: &Alias) -> Result<Self, Error> {
        Ok(Self {
            name: alias.name.to_string(),
            number: number(alias.version),
            description: alias.description.clone(),
            other_number: alias.routing.map(|(other, _)| number(other)),
            other_weight: alias.routing.map(|(_, weight)| weight),
            revision_id: alias
                .revision_id
                .parse()
                .map_err(|_| Error::Inconsistent("alias.revision_id"))?,
        })
    }

    fn into_alias(self) -> Result<Alias, Error> {
        Ok(Alias {
            name: self
                .name
                .parse()
                .map_err(|_| Error::Inconsistent("alias.name"))?,
            version: version_of(self.number),
            description: self.description,
            routing: self.other_number.map(version_of).zip(self.other_weight),
            revision_id: self.revision_id.to_string(),
        })
    }
}

#[cfg(test)]
mod tests;
