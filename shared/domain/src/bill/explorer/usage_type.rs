//! Usage types, units and places under the names that AWS's bills use.

use crate::price::sku::{Sku, Unit};
use crate::{Architecture, Region};

/// The service that all of our usage belongs to.
pub const SERVICE: &str = "AWS Lambda";
/// The same in price lists.
pub const SERVICE_CODE: &str = "AWSLambda";
/// What all of our usage is made by.
pub const OPERATION: &str = "Invoke";

/// Regions with the prefix of their usage types and the name that price lists give to the place. The prefix of us-east-1 is
/// empty.
const REGIONS: &[(&str, &str, &str)] = &[
    ("af-south-1", "AFS1-", "Africa (Cape Town)"),
    ("ap-east-1", "APE1-", "Asia Pacific (Hong Kong)"),
    ("ap-northeast-1", "APN1-", "Asia Pacific (Tokyo)"),
    ("ap-northeast-2", "APN2-", "Asia Pacific (Seoul)"),
    ("ap-northeast-3", "APN3-", "Asia Pacific (Osaka)"),
    ("ap-south-1", "APS3-", "Asia Pacific (Mumbai)"),
    ("ap-south-2", "APS5-", "Asia Pacific (Hyderabad)"),
    ("ap-southeast-1", "APS1-", "Asia Pacific (Singapore)"),
    ("ap-southeast-2", "APS2-", "Asia Pacific (Sydney)"),
    ("ap-southeast-3", "APS4-", "Asia Pacific (Jakarta)"),
    ("ap-southeast-4", "APS6-", "Asia Pacific (Melbourne)"),
    ("ap-southeast-5", "APS7-", "Asia Pacific (Malaysia)"),
    ("ca-central-1", "CAN1-", "Canada (Central)"),
    ("ca-west-1", "CAN2-", "Canada West (Calgary)"),
    ("cn-north-1", "CNN1-", "China (Beijing)"),
    ("cn-northwest-1", "CNW1-", "China (Ningxia)"),
    ("eu-central-1", "EUC1-", "EU (Frankfurt)"),
    ("eu-central-2", "EUC2-", "Europe (Zurich)"),
    ("eu-north-1", "EUN1-", "EU (Stockholm)"),
    ("eu-south-1", "EUS1-", "EU (Milan)"),
    ("eu-south-2", "EUS2-", "Europe (Spain)"),
    ("eu-west-1", "EU-", "EU (Ireland)"),
    ("eu-west-2", "EUW2-", "EU (London)"),
    ("eu-west-3", "EUW3-", "EU (Paris)"),
    ("il-central-1", "ILC1-", "Israel (Tel Aviv)"),
    ("me-central-1", "MEC1-", "Middle East (UAE)"),
    ("me-south-1", "MES1-", "Middle East (Bahrain)"),
    ("mx-central-1", "MXC1-", "Mexico (Central)"),
    ("sa-east-1", "SAE1-", "South America (Sao Paulo)"),
    ("us-east-1", "", "US East (N. Virginia)"),
    ("us-east-2", "USE2-", "US East (Ohio)"),
    ("us-gov-east-1", "UGE1-", "AWS GovCloud (US-East)"),
    ("us-gov-west-1", "UGW1-", "AWS GovCloud (US-West)"),
    ("us-west-1", "USW1-", "US West (N. California)"),
    ("us-west-2", "USW2-", "US West (Oregon)"),
];

fn known(region: &Region) -> Option<&'static (&'static str, &'static str, &'static str)> {
    REGIONS.iter().find(|(name, ..)| *name == region.as_str())
}

/// The name of a region's place; of a region that AWS does not have, its own name.
pub fn location(region: &Region) -> &str {
    known(region).map_or(region.as_str(), |(_, _, location)| location)
}

/// A usage type such as `EUC1-Lambda-GB-Second-ARM`. A region that AWS does not have is its own prefix.
pub fn usage_type(region: &Region, sku: Sku) -> String {
    let name = base(sku);
    match known(region) {
        Some((_, prefix, _)) => format!("{prefix}{name}"),
        None => format!("{region}-{name}"),
    }
}

/// A usage type without its region.
fn base(sku: Sku) -> &'static str {
    match sku {
        Sku::Requests => "Request",
        Sku::Duration(Architecture::X86_64) => "Lambda-GB-Second",
        Sku::Duration(Architecture::Arm64) => "Lambda-GB-Second-ARM",
        Sku::EphemeralStorage => "Lambda-Storage-GB-Second",
        Sku::Provisioned(Architecture::X86_64) => "Lambda-Provisioned-Concurrency",
        Sku::Provisioned(Architecture::Arm64) => "Lambda-Provisioned-Concurrency-ARM",
        Sku::ProvisionedDuration(Architecture::X86_64) => "Lambda-Provisioned-GB-Second",
        Sku::ProvisionedDuration(Architecture::Arm64) => "Lambda-Provisioned-GB-Second-ARM",
        Sku::SnapstartCache => "Lambda-SnapStart-Cached-GB-S",
        Sku::SnapstartRestore => "Lambda-SnapStart-Restored-GB",
        Sku::StreamingResponse => "Lambda-Streaming-Response-Processed-Bytes",
        Sku::DataTransferOut => "DataTransfer-Out-Bytes",
    }
}

/// The group that price lists put a SKU into.
pub fn group(sku: Sku) -> &'static str {
    match sku {
        Sku::Requests => "AWS-Lambda-Requests",
        Sku::Duration(Architecture::X86_64) => "AWS-Lambda-Duration",
        Sku::Duration(Architecture::Arm64) => "AWS-Lambda-Duration-ARM",
        Sku::EphemeralStorage => "AWS-Lambda-Storage-Duration",
        Sku::Provisioned(Architecture::X86_64) => "AWS-Lambda-Provisioned-Concurrency",
        Sku::Provisioned(Architecture::Arm64) => "AWS-Lambda-Provisioned-Concurrency-ARM",
        Sku::ProvisionedDuration(Architecture::X86_64) => "AWS-Lambda-Duration-Provisioned",
        Sku::ProvisionedDuration(Architecture::Arm64) => "AWS-Lambda-Duration-Provisioned-ARM",
        Sku::SnapstartCache => "AWS-Lambda-SnapStart-Cached",
        Sku::SnapstartRestore => "AWS-Lambda-SnapStart-Restored",
        Sku::StreamingResponse => "AWS-Lambda-Streaming-Response-Processed-Bytes",
        Sku::DataTransferOut => "AWS-Lambda-Data-Transfer-Out",
    }
}

/// The unit of a usage quantity.
pub fn unit(sku: Sku) -> &'static str {
    unit_name(sku.unit())
}

pub(super) fn unit_name(unit: Unit) -> &'static str {
    match unit {
        Unit::MillionRequests => "Requests",
        Unit::GbSecond => "Lambda-GB-Second",
        Unit::Gb | Unit::GbMemory => "GB",
    }
}
