//! Versions of functions: `$LATEST`, which updates change in place, and published ones, which never change.

use std::convert::Infallible;

use domain::{
    AccountId, Code, Configuration, FunctionArn, FunctionVersion, Region, Stamp, Version,
};
use sqlx::{PgConnection, Postgres, Transaction};
use uuid::Uuid;

use crate::catalog::touch_catalog;
use crate::functions::Resolved;
use crate::version_row::{VersionRow, number};
use crate::{Error, Store};

/// Why a change of a function did not happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    NoFunction,
    /// The caller demanded another revision than there is.
    RevisionDiffers,
    /// The caller demanded other code than there is; holds the hex SHA-256 of what there is.
    CodeDiffers(String),
    /// These aliases point at the version that was to be deleted.
    UsedByAliases(Vec<String>),
}

/// What the caller demands of `$LATEST` before it is changed.
#[derive(Debug, Clone, Default)]
pub struct Demand {
    pub revision_id: Option<String>,
    /// Lower-case hex SHA-256 of the code.
    pub code_sha256: Option<String>,
}

/// Which versions a listing shows.
#[derive(Debug, Clone, Copy)]
pub enum Listing<'a> {
    /// Every function's `$LATEST`.
    Latest,
    /// Every version of every function.
    All,
    /// Every version of the function of this name.
    Of(&'a str),
}

/// Where a listing goes on: behind this function's version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct After {
    pub name: String,
    pub number: u32,
}

impl Store {
    /// The version that the ARN's qualifier means (an alias: its main version), or `$LATEST`.
    pub async fn version(&self, arn: &FunctionArn) -> Result<Resolved<FunctionVersion>, Error> {
        let target = self
            .resolve_versions(arn.account, &arn.region, &arn.name, arn.qualifier.as_ref())
            .await?;
        Ok(match target {
            Resolved::NoFunction => Resolved::NoFunction,
            Resolved::NoQualifier => Resolved::NoQualifier,
            Resolved::Found(found) => match found.versions.into_iter().next() {
                Some((version, _)) => Resolved::Found(version),
                None => Resolved::NoQualifier,
            },
        })
    }

    /// At most `limit` versions in order of name and number, from behind `after`.
    pub async fn versions(
        &self,
        account: AccountId,
        region: &Region,
        listing: Listing<'_>,
        after: Option<&After>,
        limit: u32,
    ) -> Result<Vec<FunctionVersion>, Error> {
        let (only_name, only_latest) = match listing {
            Listing::Latest => (None, true),
            Listing::All => (None, false),
            Listing::Of(name) => (Some(name), false),
        };
        let rows = sqlx::query_as!(
            VersionRow,
            r#"
            SELECT account_id, region, function_name, number, description, role, runtime, handler, architecture,
                memory_mb, timeout_s, ephemeral_mb, environment, tracing_mode, log_format, application_log_level,
                system_log_level, dead_letter_target, code_sha256, code_size, state, revision_id, change_id,
                last_modified
            FROM function_version
            WHERE account_id = $1 AND region = $2
                AND ($3::text IS NULL OR function_name = $3)
                AND (NOT $4 OR number = 0)
                -- Nothing sorts before the empty name.
                AND (function_name, number) > ($5, $6)
            ORDER BY function_name, number
            LIMIT $7
            "#,
            account.number(),
            region.as_str(),
            only_name,
            only_latest,
            after.map_or("", |after| &after.name),
            after.map_or(0, |after| after.number.cast_signed()),
            i64::from(limit),
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(|row| row.open(&self.vault)).collect()
    }

    /// Publishes `$LATEST`, or answers the version published last where nothing has changed since.
    pub async fn publish_version(
        &self,
        arn: &FunctionArn,
        demand: &Demand,
        description: Option<String>,
        stamp: Stamp,
    ) -> Result<Result<FunctionVersion, Refusal>, Error> {
        let mut tx = self.pool.begin().await?;
        let latest = match self.demanded(&mut tx, arn, demand).await? {
            Ok(latest) => latest,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let published = self
            .publish_from(&mut tx, latest, description, stamp)
            .await?;
        touch_catalog(&mut tx).await?;
        tx.commit().await?;
        Ok(Ok(published))
    }

    /// Changes the code of `$LATEST`; answers it, or what `publish` made of it.
    pub async fn update_code(
        &self,
        arn: &FunctionArn,
        demand: &Demand,
        code: Code,
        publish: bool,
        stamp: Stamp,
    ) -> Result<Result<FunctionVersion, Refusal>, Error> {
        let change = |version: &mut FunctionVersion| {
            version.code = code;
            Ok::<_, Infallible>(())
        };
        let updated = self.update(arn, demand, change, publish, stamp).await?;
        Ok(updated.map(|Ok(version)| version))
    }

    /// Changes the configuration of `$LATEST` by `edit`, which may refuse: the function then stays as it is.
    pub async fn update_configuration<F: Send>(
        &self,
        arn: &FunctionArn,
        demand: &Demand,
        edit: impl FnOnce(&mut Configuration) -> Result<(), F> + Send,
        stamp: Stamp,
    ) -> Result<Result<Result<FunctionVersion, F>, Refusal>, Error> {
        let change = |version: &mut FunctionVersion| edit(&mut version.configuration);
        self.update(arn, demand, change, false, stamp).await
    }

    async fn update<F: Send>(
        &self,
        arn: &FunctionArn,
        demand: &Demand,
        change: impl FnOnce(&mut FunctionVersion) -> Result<(), F> + Send,
        publish: bool,
        stamp: Stamp,
    ) -> Result<Result<Result<FunctionVersion, F>, Refusal>, Error> {
        let mut tx = self.pool.begin().await?;
        let mut latest = match self.demanded(&mut tx, arn, demand).await? {
            Ok(latest) => latest,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let before = (latest.configuration.clone(), latest.code.clone());
        if let Err(refusal) = change(&mut latest) {
            return Ok(Ok(Err(refusal)));
        }
        latest.revision_id = stamp.revision_id;
        // An update that sets what was set already leaves nothing new to publish, and warm environments warm.
        if (&latest.configuration, &latest.code) != (&before.0, &before.1) {
            latest.change_id = stamp.change_id;
        }
        latest.last_modified = stamp.at;
        self.write_latest(&mut tx, &latest).await?;
        let answer = if publish {
            self.publish_from(&mut tx, latest, None, stamp).await?
        } else {
            latest
        };
        touch_catalog(&mut tx).await?;
        tx.commit().await?;
        Ok(Ok(Ok(answer)))
    }

    /// Deletes a published version. One that does not exist is not an error, as on AWS.
    pub async fn delete_version(
        &self,
        arn: &FunctionArn,
        published: u32,
    ) -> Result<Result<(), Refusal>, Error> {
        let version = Version::Published(published);
        let mut tx = self.pool.begin().await?;
        if !lock_function(&mut tx, arn).await? {
            return Ok(Err(Refusal::NoFunction));
        }
        let users = sqlx::query_scalar!(
            "SELECT name FROM alias
             WHERE account_id = $1 AND region = $2 AND function_name = $3 AND (number = $4 OR other_number = $4)
             ORDER BY name",
            arn.account.number(),
            arn.region.as_str(),
            arn.name.as_str(),
            number(version),
        )
        .fetch_all(&mut *tx)
        .await?;
        if !users.is_empty() {
            return Ok(Err(Refusal::UsedByAliases(users)));
        }
        sqlx::query!(
            "DELETE FROM function_version
             WHERE account_id = $1 AND region = $2 AND function_name = $3 AND number = $4 AND number > 0",
            arn.account.number(),
            arn.region.as_str(),
            arn.name.as_str(),
            number(version),
        )
        .execute(&mut *tx)
        .await?;
        touch_catalog(&mut tx).await?;
        tx.commit().await?;
        Ok(Ok(()))
    }

    /// Locks the function and reads `$LATEST`, checked against what the caller demands.
    async fn demanded(
        &self,
        tx: &mut Transaction<'_, Postgres>,
        arn: &FunctionArn,
        demand: &Demand,
    ) -> Result<Result<FunctionVersion, Refusal>, Error> {
        if !lock_function(tx, arn).await? {
            return Ok(Err(Refusal::NoFunction));
        }
        let Some(latest) = self.read(tx, arn, Version::Latest).await? else {
            return Err(Error::Inconsistent("function_version.number"));
        };
        let revision = latest.revision_id.to_string();
        if demand
            .revision_id
            .as_ref()
            .is_some_and(|demanded| *demanded != revision)
        {
            return Ok(Err(Refusal::RevisionDiffers));
        }
        let code = &latest.code.sha256;
        if demand
            .code_sha256
            .as_ref()
            .is_some_and(|demanded| demanded != code)
        {
            return Ok(Err(Refusal::CodeDiffers(code.clone())));
        }
        Ok(Ok(latest))
    }

    /// The next version from `latest`, whose function is locked; the last one where nothing has changed since.
    pub(crate) async fn publish_from(
        &self,
        tx: &mut PgConnection,
        latest: FunctionVersion,
        description: Option<String>,
        stamp: Stamp,
    ) -> Result<FunctionVersion, Error> {
        let arn = latest.arn.clone();
        let last = last_number(tx, &arn).await?;
        if let Some(published) = self.read(tx, &arn, Version::Published(last)).await?
            && last > 0
            && published.change_id == latest.change_id
        {
            return Ok(published);
        }
        let mut version = latest;
        version.version = Version::Published(next_number(tx, &arn).await?);
        version.revision_id = stamp.published_revision_id;
        if let Some(description) = description {
            version.configuration.description = description;
        }
        self.insert_version(tx, &version).await?;
        // As on AWS, publishing gives $LATEST a new revision id too, but not a new date.
        renew_revision(tx, &arn, stamp.revision_id).await?;
        Ok(version)
    }

    async fn read(
        &self,
        connection: &mut PgConnection,
        arn: &FunctionArn,
        version: Version,
    ) -> Result<Option<FunctionVersion>, Error> {
        let row = sqlx::query_as!(
            VersionRow,
            r#"
            SELECT account_id, region, function_name, number, description, role, runtime, handler, architecture,
                memory_mb, timeout_s, ephemeral_mb, environment, tracing_mode, log_format, application_log_level,
                system_log_level, dead_letter_target, code_sha256, code_size, state, revision_id, change_id,
                last_modified
            FROM function_version
            WHERE account_id = $1 AND region = $2 AND function_name = $3 AND number = $4
            "#,
            arn.account.number(),
            arn.region.as_str(),
            arn.name.as_str(),
            number(version),
        )
        .fetch_optional(connection)
        .await?;
        row.map(|row| row.open(&self.vault)).transpose()
    }

    pub(crate) async fn insert_version(
        &self,
        connection: &mut PgConnection,
        version: &FunctionVersion,
    ) -> Result<(), Error> {
        let row = VersionRow::seal(version, &self.vault)?;
        sqlx::query!(
            r#"
            INSERT INTO function_version (account_id, region, function_name, number, description, role, runtime,
                handler, architecture, memory_mb, timeout_s, ephemeral_mb, environment, tracing_mode, log_format,
                application_log_level, system_log_level, dead_letter_target, code_sha256, code_size, state, revision_id,
                change_id, last_modified)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
                $22, $23, $24)
            "#,
            row.account_id,
            row.region,
            row.function_name,
            row.number,
            row.description,
            row.role,
            row.runtime,
            row.handler,
            row.architecture,
            row.memory_mb,
            row.timeout_s,
            row.ephemeral_mb,
            row.environment,
            row.tracing_mode,
            row.log_format,
            row.application_log_level,
            row.system_log_level,
            row.dead_letter_target,
            row.code_sha256,
            row.code_size,
            row.state,
            row.revision_id,
            row.change_id,
            row.last_modified,
        )
        .execute(connection)
        .await?;
        Ok(())
    }

    async fn write_latest(
        &self,
        connection: &mut PgConnection,
        latest: &FunctionVersion,
    ) -> Result<(), Error> {
        let row = VersionRow::seal(latest, &self.vault)?;
        let written = sqlx::query!(
            r#"
            UPDATE function_version SET description = $4, role = $5, runtime = $6, handler = $7, architecture = $8,
                memory_mb = $9, timeout_s = $10, ephemeral_mb = $11, environment = $12, tracing_mode = $13,
                log_format = $14, application_log_level = $15, system_log_level = $16, dead_letter_target = $17,
                code_sha256 = $18, code_size = $19, state = $20, revision_id = $21, change_id = $22,
                last_modified = $23
            WHERE account_id = $1 AND region = $2 AND function_name = $3 AND number = 0
            "#,
            row.account_id,
            row.region,
            row.function_name,
            row.description,
            row.role,
            row.runtime,
            row.handler,
            row.architecture,
            row.memory_mb,
            row.timeout_s,
            row.ephemeral_mb,
            row.environment,
            row.tracing_mode,
            row.log_format,
            row.application_log_level,
            row.system_log_level,
            row.dead_letter_target,
            row.code_sha256,
            row.code_size,
            row.state,
            row.revision_id,
            row.change_id,
            row.last_modified,
        )
        .execute(connection)
        .await?;
        match written.rows_affected() {
            1 => Ok(()),
            _ => Err(Error::Inconsistent("function_version.number")),
        }
    }
}

/// Keeps every other change of the function waiting until the transaction ends; `false` where it does not exist.
pub(crate) async fn lock_function(
    connection: &mut PgConnection,
    arn: &FunctionArn,
) -> Result<bool, Error> {
    let row = sqlx::query!(
        "SELECT 1 AS one FROM function WHERE account_id = $1 AND region = $2 AND name = $3 FOR UPDATE",
        arn.account.number(),
        arn.region.as_str(),
        arn.name.as_str(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.is_some())
}

/// Gives `$LATEST` a new revision id and changes nothing else of it.
pub(crate) async fn renew_revision(
    connection: &mut PgConnection,
    arn: &FunctionArn,
    revision_id: Uuid,
) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE function_version SET revision_id = $4
         WHERE account_id = $1 AND region = $2 AND function_name = $3 AND number = 0",
        arn.account.number(),
        arn.region.as_str(),
        arn.name.as_str(),
        revision_id,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The number given out last, also to a function of this name that was deleted; 0: none.
async fn last_number(connection: &mut PgConnection, arn: &FunctionArn) -> Result<u32, Error> {
    let last = sqlx::query_scalar!(
        "SELECT last FROM function_version_number WHERE account_id = $1 AND region = $2 AND function_name = $3",
        arn.account.number(),
        arn.region.as_str(),
        arn.name.as_str(),
    )
    .fetch_optional(connection)
    .await?;
    Ok(last.map_or(0, i32::cast_unsigned))
}

async fn next_number(connection: &mut PgConnection, arn: &FunctionArn) -> Result<u32, Error> {
    let next = sqlx::query_scalar!(
        "INSERT INTO function_version_number (account_id, region, function_name, last) VALUES ($1, $2, $3, 1)
         ON CONFLICT (account_id, region, function_name) DO UPDATE SET last = function_version_number.last + 1
         RETURNING last",
        arn.account.number(),
        arn.region.as_str(),
        arn.name.as_str(),
    )
    .fetch_one(connection)
    .await?;
    Ok(next.cast_unsigned())
}
