//! What AWS's regions are called: by people, and in usage types.

/// Region, its name in AWS's price lists, its prefix in usage types. `us-east-1` has none, and
/// Ireland's is from when it was the only one in Europe.
const REGIONS: &[(&str, &str, &str)] = &[
    ("af-south-1", "Africa (Cape Town)", "AFS1-"),
    ("ap-east-1", "Asia Pacific (Hong Kong)", "APE1-"),
    ("ap-northeast-1", "Asia Pacific (Tokyo)", "APN1-"),
    ("ap-northeast-2", "Asia Pacific (Seoul)", "APN2-"),
    ("ap-northeast-3", "Asia Pacific (Osaka)", "APN3-"),
    ("ap-south-1", "Asia Pacific (Mumbai)", "APS3-"),
    ("ap-south-2", "Asia Pacific (Hyderabad)", "APS5-"),
    ("ap-southeast-1", "Asia Pacific (Singapore)", "APS1-"),
    ("ap-southeast-2", "Asia Pacific (Sydney)", "APS2-"),
    ("ap-southeast-3", "Asia Pacific (Jakarta)", "APS4-"),
    ("ap-southeast-4", "Asia Pacific (Melbourne)", "APS6-"),
    ("ap-southeast-5", "Asia Pacific (Malaysia)", "APS7-"),
    ("ca-central-1", "Canada (Central)", "CAN1-"),
    ("ca-west-1", "Canada West (Calgary)", "CAN2-"),
    ("cn-north-1", "China (Beijing)", "CNN1-"),
    ("cn-northwest-1", "China (Ningxia)", "CNW1-"),
    ("eu-central-1", "EU (Frankfurt)", "EUC1-"),
    ("eu-central-2", "Europe (Zurich)", "EUC2-"),
    ("eu-north-1", "EU (Stockholm)", "EUN1-"),
    ("eu-south-1", "EU (Milan)", "EUS1-"),
    ("eu-south-2", "Europe (Spain)", "EUS2-"),
    ("eu-west-1", "EU (Ireland)", "EU-"),
    ("eu-west-2", "EU (London)", "EUW2-"),
    ("eu-west-3", "EU (Paris)", "EUW3-"),
    ("il-central-1", "Israel (Tel Aviv)", "ILC1-"),
    ("me-central-1", "Middle East (UAE)", "MEC1-"),
    ("me-south-1", "Middle East (Bahrain)", "MES1-"),
    ("sa-east-1", "South America (Sao Paulo)", "SAE1-"),
    ("us-east-1", "US East (N. Virginia)", ""),
    ("us-east-2", "US East (Ohio)", "USE2-"),
    ("us-west-1", "US West (N. California)", "USW1-"),
    ("us-west-2", "US West (Oregon)", "USW2-"),
];

fn find(region: &str) -> Option<&'static (&'static str, &'static str, &'static str)> {
    REGIONS.iter().find(|(id, _, _)| *id == region)
}

/// `US West (Oregon)`; a region that AWS does not have is called by its id.
pub fn name(region: &str) -> &str {
    find(region).map_or(region, |(_, name, _)| name)
}

/// `USW2-`; of a region that AWS does not have, its id in capitals.
pub fn usage_prefix(region: &str) -> String {
    find(region).map_or_else(
        || format!("{}-", region.to_uppercase()),
        |(_, _, prefix)| (*prefix).to_owned(),
    )
}

/// `us-west-2 · US West (Oregon)`.
pub(crate) fn title(region: &str) -> String {
    match find(region) {
        Some((_, name, _)) => format!("{region} \u{b7} {name}"),
        None => region.to_owned(),
    }
}
