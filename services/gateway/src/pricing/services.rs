//! `DescribeServices`: there is one.

use aws_model::pricing::{DescribeServicesRequest, DescribeServicesResponse, Service};
use domain::bill::explorer::usage_type::SERVICE_CODE;
use wire::Fault;

use super::faults;
use super::product::ATTRIBUTES;
use crate::call::Call;

/// How products are written.
pub(super) const FORMAT: &str = "aws_v1";

pub(super) async fn describe(
    _cx: Call,
    input: DescribeServicesRequest,
) -> Result<DescribeServicesResponse, Fault> {
    let code = input.service_code.as_deref().unwrap_or(SERVICE_CODE);
    check(code, input.format_version.as_deref())?;
    // One page has all there is, so no token was ever answered.
    if input.next_token.is_some() {
        return Err(faults::bad_token());
    }
    let names = ATTRIBUTES.iter().map(|name| (*name).to_owned());
    Ok(DescribeServicesResponse {
        services: Some(vec![Service {
            service_code: SERVICE_CODE.to_owned(),
            attribute_names: Some(names.collect()),
        }]),
        format_version: Some(FORMAT.to_owned()),
        next_token: None,
    })
}

/// Refuses other services and other formats.
pub(super) fn check(code: &str, format: Option<&str>) -> Result<(), Fault> {
    if code != SERVICE_CODE {
        return Err(faults::no_service(code));
    }
    match format {
        Some(version) if version != FORMAT => Err(faults::no_format(version)),
        _ => Ok(()),
    }
}
