//! The second version of a weighted alias.

use aws_model::lambda::AliasRoutingConfiguration;
use domain::{FunctionArn, Version};
use wire::Fault;

use crate::lambda::faults;

/// The other version and its weight; `None` where the request gives an empty configuration.
pub(super) fn read(
    arn: &FunctionArn,
    routing: &AliasRoutingConfiguration,
) -> Result<Option<(Version, f64)>, Fault> {
    let Some(weights) = &routing.additional_version_weights else {
        return Ok(None);
    };
    if weights.len() > 1 {
        let text = "Number of items in AdditionalVersionWeights cannot be greater than 1";
        return Err(faults::invalid(text));
    }
    let Some((text, weight)) = weights.first_key_value() else {
        return Ok(None);
    };
    // The model lets digits pass, however many.
    let version = text
        .parse()
        .map_err(|_| faults::function_not_found(format!("{arn}:{text}")))?;
    Ok(Some((version, *weight)))
}

/// What an alias of two versions must not be.
pub(super) fn check(version: Version, routing: Option<(Version, f64)>) -> Result<(), Fault> {
    let Some((other, _)) = routing else {
        return Ok(());
    };
    if other == version {
        return Err(faults::invalid(format!(
            "Invalid function version {version}. Function version {version} is already included in routing configuration."
        )));
    }
    if version == Version::Latest {
        let text = "$LATEST is not supported for an alias pointing to more than 1 version";
        return Err(faults::invalid(text));
    }
    Ok(())
}

/// A version as a request writes it; the model lets digits pass, however many.
pub(super) fn version(arn: &FunctionArn, text: &str) -> Result<Version, Fault> {
    text.parse()
        .map_err(|_| faults::function_not_found(format!("{arn}:{text}")))
}
