//! An alias as clients see it, and where it points wrongly.

use std::collections::BTreeMap;

use aws_model::lambda::{AliasConfiguration, AliasRoutingConfiguration};
use domain::{Alias, FunctionArn, Qualifier, Version};
use store::aliases::{NO_OTHER_VERSION, NO_VERSION};
use wire::Fault;

use crate::lambda::faults;

pub(super) fn of(arn: &FunctionArn, alias: &Alias) -> AliasConfiguration {
    let routing_config = alias
        .routing
        .map(|(version, weight)| AliasRoutingConfiguration {
            additional_version_weights: Some(BTreeMap::from([(version.to_string(), weight)])),
        });
    let qualifier = Qualifier::Alias(alias.name.clone());
    AliasConfiguration {
        alias_arn: Some(arn.clone().qualified(Some(qualifier)).to_string()),
        name: Some(alias.name.to_string()),
        function_version: Some(alias.version.to_string()),
        description: Some(alias.description.clone()),
        routing_config,
        revision_id: Some(alias.revision_id.clone()),
    }
}

/// The fault for an alias that would point at a version that does not exist; `None` where that is not the reason.
pub(super) fn no_version(
    error: &store::Error,
    arn: &FunctionArn,
    version: Version,
    other: Option<Version>,
) -> Option<Fault> {
    let missing = match error.constraint() {
        Some(NO_VERSION) => version,
        Some(NO_OTHER_VERSION) => other?,
        _ => return None,
    };
    Some(version_not_found(arn, missing))
}

pub(super) fn version_not_found(arn: &FunctionArn, version: Version) -> Fault {
    faults::function_not_found(arn.clone().qualified(Some(Qualifier::Version(version))))
}
