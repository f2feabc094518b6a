//! What a charge can be filtered and grouped by.

use std::borrow::Cow;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::item::Item;
use super::usage_type::{self, OPERATION, SERVICE, SERVICE_CODE, usage_type};
use crate::ParseError;

/// Who sells what is on the bill.
const SELLER: &str = "Tollgate";

/// A dimension of Cost Explorer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    Service,
    ServiceCode,
    Region,
    UsageType,
    UsageTypeGroup,
    Operation,
    /// The account that used it, or that pays: the same here.
    Account {
        name: &'static str,
    },
    /// A function's ARN.
    ResourceId,
    RecordType,
    PurchaseType,
    /// Legal, billing and invoicing entity.
    Entity {
        name: &'static str,
    },
    /// One that functions do not have: every charge is in its group of those without.
    Absent {
        name: &'static str,
        group: &'static str,
    },
}

/// Dimensions that functions do not have, with AWS's name of the group of charges without them.
const ABSENT: &[(&str, &str)] = &[
    ("AZ", "NoAZ"),
    ("INSTANCE_TYPE", "NoInstanceType"),
    ("INSTANCE_TYPE_FAMILY", "NoInstanceTypeFamily"),
    ("OPERATING_SYSTEM", "NoOperatingSystem"),
    ("TENANCY", "NoTenancy"),
    ("SCOPE", "NoScope"),
    ("PLATFORM", "NoPlatform"),
    ("SUBSCRIPTION_ID", "NoSubscriptionId"),
    ("DEPLOYMENT_OPTION", "NoDeploymentOption"),
    ("DATABASE_ENGINE", "NoDatabaseEngine"),
    ("CACHE_ENGINE", "NoCacheEngine"),
    ("RESERVATION_ID", "NoReservationId"),
    ("SAVINGS_PLANS_TYPE", "NoSavingsPlansType"),
    ("SAVINGS_PLAN_ARN", "NoSavingsPlanArn"),
    ("PAYMENT_OPTION", "NoPaymentOption"),
];

const ACCOUNT: &[&str] = &["LINKED_ACCOUNT", "PAYER_ACCOUNT"];
const ENTITY: &[&str] = &["LEGAL_ENTITY_NAME", "BILLING_ENTITY", "INVOICING_ENTITY"];

const OTHERS: &[Dimension] = &[
    Dimension::Service,
    Dimension::ServiceCode,
    Dimension::Region,
    Dimension::UsageType,
    Dimension::UsageTypeGroup,
    Dimension::Operation,
    Dimension::ResourceId,
    Dimension::RecordType,
    Dimension::PurchaseType,
];

impl Dimension {
    /// As AWS spells it: `USAGE_TYPE`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Service => "SERVICE",
            Self::ServiceCode => "SERVICE_CODE",
            Self::Region => "REGION",
            Self::UsageType => "USAGE_TYPE",
            Self::UsageTypeGroup => "USAGE_TYPE_GROUP",
            Self::Operation => "OPERATION",
            Self::ResourceId => "RESOURCE_ID",
            Self::RecordType => "RECORD_TYPE",
            Self::PurchaseType => "PURCHASE_TYPE",
            Self::Account { name } | Self::Entity { name } | Self::Absent { name, .. } => name,
        }
    }

    /// Every dimension's name.
    pub fn names() -> impl Iterator<Item = &'static str> {
        let others = OTHERS.iter().map(|dimension| dimension.as_str());
        let absent = ABSENT.iter().map(|(name, _)| *name);
        others
            .chain(ACCOUNT.iter().copied())
            .chain(ENTITY.iter().copied())
            .chain(absent)
    }

    /// What a charge has in this dimension.
    pub fn of<'a>(self, item: &Item<'a>) -> Cow<'a, str> {
        match self {
            Self::Service => SERVICE.into(),
            Self::ServiceCode => SERVICE_CODE.into(),
            Self::Region => item.region.as_str().into(),
            Self::UsageType => usage_type(item.region, item.sku).into(),
            Self::UsageTypeGroup => usage_type::group(item.sku).into(),
            Self::Operation => OPERATION.into(),
            Self::Account { .. } => item.account.to_string().into(),
            Self::ResourceId => item.resource.into(),
            Self::RecordType => "Usage".into(),
            Self::PurchaseType => "On Demand".into(),
            Self::Entity { .. } => SELLER.into(),
            Self::Absent { group, .. } => group.into(),
        }
    }
}

impl Serialize for Dimension {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Dimension {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(|error: ParseError| D::Error::custom(error.0))
    }
}

impl FromStr for Dimension {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let named = |names: &[&'static str]| names.iter().copied().find(|name| *name == text);
        if let Some(one) = OTHERS.iter().find(|one| one.as_str() == text) {
            return Ok(*one);
        }
        if let Some(name) = named(ACCOUNT) {
            return Ok(Self::Account { name });
        }
        if let Some(name) = named(ENTITY) {
            return Ok(Self::Entity { name });
        }
        let absent = ABSENT.iter().find(|(name, _)| *name == text);
        let (name, group) = absent
            .ok_or_else(|| ParseError::new(format!("{text} is not a dimension of a charge")))?;
        Ok(Self::Absent { name, group })
    }
}
