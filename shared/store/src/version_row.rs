//! The row of a version, and what it is in the domain: here the environment is sealed and opened.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{AccountId, Code, Configuration, FunctionArn, FunctionVersion, Logging, Version};
use uuid::Uuid;

use crate::{Error, Vault};

/// No row has it: for versions that cannot exist, such as 0 or three thousand million.
const NO_ROW: i32 = -1;

/// A version as its row has it: `$LATEST` is 0.
pub(crate) fn number(version: Version) -> i32 {
    match version {
        Version::Latest => 0,
        Version::Published(0) => NO_ROW,
        Version::Published(number) => i32::try_from(number).unwrap_or(NO_ROW),
    }
}

/// The other way round.
pub(crate) fn version_of(number: i32) -> Version {
    match number {
        0 => Version::Latest,
        number => Version::Published(number.cast_unsigned()),
    }
}

/// One row of `function_version`.
pub(crate) struct VersionRow {
    pub(crate) account_id: i64,
    pub(crate) region: String,
    pub(crate) function_name: String,
    pub(crate) number: i32,
    pub(crate) description: String,
    pub(crate) role: String,
    pub(crate) runtime: String,
    pub(crate) handler: String,
    pub(crate) architecture: String,
    pub(crate) memory_mb: i32,
    pub(crate) timeout_s: i32,
    pub(crate) ephemeral_mb: i32,
    pub(crate) environment: Option<Vec<u8>>,
    pub(crate) tracing_mode: String,
    pub(crate) log_format: String,
    pub(crate) application_log_level: Option<String>,
    pub(crate) system_log_level: Option<String>,
    pub(crate) dead_letter_target: Option<String>,
    pub(crate) code_sha256: String,
    pub(crate) code_size: i64,
    pub(crate) state: String,
    pub(crate) revision_id: Uuid,
    pub(crate) change_id: Uuid,
    pub(crate) last_modified: DateTime<Utc>,
}

/// What the environment of a version is sealed for.
fn place(arn: &FunctionArn, version: Version) -> String {
    format!(
        "function/{}/{}/{}/{version}",
        arn.account, arn.region, arn.name
    )
}

impl VersionRow {
    pub(crate) fn seal(version: &FunctionVersion, vault: &Vault) -> Result<Self, Error> {
        let FunctionVersion {
            arn,
            configuration,
            code,
            ..
        } = version;
        let environment = match &configuration.environment {
            None => None,
            Some(variables) => {
                let plain = serde_json::to_vec(variables)
                    .map_err(|_| Error::Inconsistent("function_version.environment"))?;
                Some(vault.seal(&place(arn, version.version), &plain))
            }
        };
        Ok(Self {
            account_id: arn.account.number(),
            region: arn.region.to_string(),
            function_name: arn.name.to_string(),
            number: number(version.version),
            description: configuration.description.clone(),
            role: configuration.role.clone(),
            runtime: configuration.runtime.clone(),
            handler: configuration.handler.clone(),
            architecture: code.architecture.as_str().to_owned(),
            memory_mb: configuration.memory_mb.cast_signed(),
            timeout_s: configuration.timeout_s.cast_signed(),
            ephemeral_mb: configuration.ephemeral_mb.cast_signed(),
            environment,
            tracing_mode: configuration.tracing_mode.clone(),
            log_format: configuration.logging.format.clone(),
            application_log_level: configuration.logging.application_level.clone(),
            system_log_level: configuration.logging.system_level.clone(),
            dead_letter_target: configuration.dead_letter.as_ref().map(ToString::to_string),
            code_sha256: code.sha256.clone(),
            code_size: code.size.cast_signed(),
            state: version.state.as_str().to_owned(),
            revision_id: version.revision_id,
            change_id: version.change_id,
            last_modified: version.last_modified,
        })
    }

    pub(crate) fn open(self, vault: &Vault) -> Result<FunctionVersion, Error> {
        let bad = |column: &'static str| move |_| Error::Inconsistent(column);
        let account = AccountId::new(self.account_id.cast_unsigned())
            .ok_or(Error::Inconsistent("function_version.account_id"))?;
        let arn = FunctionArn {
            region: self
                .region
                .parse()
                .map_err(bad("function_version.region"))?,
            account,
            name: self
                .function_name
                .parse()
                .map_err(bad("function_version.function_name"))?,
            qualifier: None,
        };
        let version = version_of(self.number);
        let environment = match &self.environment {
            None => None,
            Some(sealed) => {
                let what = "function_version.environment";
                let plain = vault.open(&place(&arn, version), what, sealed)?;
                let variables: BTreeMap<String, String> =
                    serde_json::from_slice(&plain).map_err(|_| Error::Inconsistent(what))?;
                Some(variables)
            }
        };
        Ok(FunctionVersion {
            arn,
            version,
            configuration: Configuration {
                description: self.description,
                role: self.role,
                runtime: self.runtime,
                handler: self.handler,
                memory_mb: self.memory_mb.cast_unsigned(),
                timeout_s: self.timeout_s.cast_unsigned(),
                ephemeral_mb: self.ephemeral_mb.cast_unsigned(),
                environment,
                tracing_mode: self.tracing_mode,
                logging: Logging {
                    format: self.log_format,
                    application_level: self.application_log_level,
                    system_level: self.system_log_level,
                },
                dead_letter: self
                    .dead_letter_target
                    .map(|arn| arn.parse())
                    .transpose()
                    .map_err(bad("function_version.dead_letter_target"))?,
            },
            code: Code {
                sha256: self.code_sha256,
                size: self.code_size.cast_unsigned(),
                architecture: self
                    .architecture
                    .parse()
                    .map_err(bad("function_version.architecture"))?,
            },
            state: self.state.parse().map_err(bad("function_version.state"))?,
            revision_id: self.revision_id,
            change_id: self.change_id,
            last_modified: self.last_modified,
        })
    }
}
