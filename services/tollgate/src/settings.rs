//! From settings to parts: secrets, the database and Redis, where services run apart or in one process.

use std::path::Path;

use anyhow::{Context, Result, bail};
use chassis::Ids;
use chassis::secrets::Key;
use secrecy::{ExposeSecret, SecretString};
use store::{Role, Store, Vault};

use crate::config::{Config, Settings, url_from_file};
use crate::private;

impl Settings {
    /// The vault of an installation that is allowed to make its key: `tollgate up`.
    pub(crate) fn own_vault(&self, ids: Ids) -> Result<Vault> {
        Ok(vault(&key(
            self.environment.master_key.as_ref(),
            "TOLLGATE_MASTER_KEY",
            &self.config.master_key_file(),
            ids,
        )?))
    }

    /// The vault of an installation made elsewhere: a service or operator that comes later must be given its key, for a new one
    /// would open nothing.
    pub(crate) fn given_vault(&self) -> Result<Vault> {
        let file = self.config.master_key_file();
        if self.environment.master_key.is_none() && !file.exists() {
            bail!(
                "The installation's master key is missing: set TOLLGATE_MASTER_KEY, or copy the key file to {} or where \
                 secrets.master_key_file says.",
                file.display()
            );
        }
        self.own_vault(Ids)
    }

    /// The secret of an installation that is allowed to make it.
    pub(crate) fn own_cluster(&self, ids: Ids) -> Result<SecretString> {
        let key = key(
            self.environment.cluster_secret.as_ref(),
            "TOLLGATE_CLUSTER_SECRET",
            &self.config.cluster_secret_file(),
            ids,
        )?;
        Ok(hex::encode(key.expose_secret()).into())
    }

    /// The secret of an installation made elsewhere.
    pub(crate) fn given_cluster(&self) -> Result<SecretString> {
        let file = self.config.cluster_secret_file();
        if self.environment.cluster_secret.is_none() && !file.exists() {
            bail!(
                "The cluster secret is missing: set TOLLGATE_CLUSTER_SECRET, or copy its file to {} or where \
                 secrets.cluster_secret_file says.",
                file.display()
            );
        }
        self.own_cluster(Ids)
    }

    /// The URL of the given database, with its password.
    pub(crate) fn database_url(&self) -> Result<SecretString> {
        if let Some(file) = &self.config.database.url_file {
            return url_from_file(file);
        }
        let url = self
            .config
            .database
            .url
            .as_deref()
            .context("database.url is missing.")?;
        Ok(match &self.environment.database_password {
            None => url.into(),
            Some(password) => with_password(url, password.expose_secret())?.into(),
        })
    }

    /// The URL of the given Redis and its password.
    pub(crate) fn redis_url(&self) -> Result<(SecretString, Option<&SecretString>)> {
        if let Some(file) = &self.config.redis.url_file {
            return Ok((url_from_file(file)?, None));
        }
        let url = self
            .config
            .redis
            .url
            .as_deref()
            .context("redis.url is missing.")?;
        Ok((url.into(), self.environment.redis_password.as_ref()))
    }

    /// The database's URL for an operator's command: the given one, else that of the `tollgate up` in the data directory.
    pub(crate) fn operator_url(&self) -> Result<SecretString> {
        let database = &self.config.database;
        if database.url.is_some() || database.url_file.is_some() {
            return self.database_url();
        }
        let dir = &self.config.data_dir;
        if !crate::data_dir::is_running(dir) {
            bail!(
                "No Tollgate runs on {}. Start one with `tollgate up`, name its directory with --data-dir, or give the \
                 database of services that run apart with --database-url.",
                dir.display()
            );
        }
        Ok(private::postgres::url_of(&dir.canonicalize()?)?.into())
    }
}

/// Connects to the database as `role`.
pub(crate) async fn open_store(
    config: &Config,
    url: &SecretString,
    role: Role,
    vault: Vault,
) -> Result<Store> {
    let connections = config.database.connections_max;
    Store::connect(url.expose_secret(), role, connections, vault)
        .await
        .context("Postgres cannot be used")
}

fn key(given: Option<&SecretString>, variable: &str, file: &Path, ids: Ids) -> Result<Key> {
    let given = given.map(ExposeSecret::expose_secret);
    Ok(chassis::secrets::key(given, variable, file, ids)?)
}

fn vault(key: &Key) -> Vault {
    Vault::new(key.expose_secret())
}

/// A URL with a password after its user.
fn with_password(url: &str, password: &str) -> Result<String> {
    let at = url
        .split_once("://")
        .and_then(|(scheme, rest)| Some((scheme, rest.split_once('@')?)));
    let Some((scheme, (user, rest))) = at else {
        bail!(
            "database.url has no user to give TOLLGATE_DATABASE_PASSWORD to: write postgres://user@host/name."
        );
    };
    Ok(format!(
        "{scheme}://{user}:{}@{rest}",
        percent_encoded(password)
    ))
}

/// A text with all but letters, digits and `-._~` written as `%XX`.
pub(crate) fn percent_encoded(text: &str) -> String {
    use std::fmt::Write;
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_goes_after_the_user() {
        let check = |url: &str, expected: Option<&str>| {
            assert_eq!(
                with_password(url, "p@ss/word").ok().as_deref(),
                expected,
                "{url}"
            );
        };
        check(
            "postgres://u@h:5432/d",
            Some("postgres://u:p%40ss%2Fword@h:5432/d"),
        );
        check("postgres://h/d", None);
    }
}
