//! `operations.toml`: what to generate, and where we depart from the models.

use std::collections::HashMap;

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) wheel: WheelPin,
    pub(crate) service: Vec<Service>,
    pub(crate) maximum: Vec<Maximum>,
    pub(crate) sensitive: Vec<ShapeName>,
    pub(crate) pattern: Vec<Rewrite>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WheelPin {
    pub(crate) version: String,
    pub(crate) sha256: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Service {
    /// The module's name.
    pub(crate) name: String,
    /// Folder of the model below `botocore/data`.
    pub(crate) model: String,
    /// Operations that get types and tables.
    pub(crate) operations: Vec<String>,
}

/// A lower maximum than the model's.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Maximum {
    pub(crate) service: String,
    pub(crate) shape: String,
    pub(crate) max: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShapeName {
    pub(crate) service: String,
    pub(crate) shape: String,
}

/// A pattern that is rewritten by hand.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rewrite {
    pub(crate) text: String,
    pub(crate) regex: String,
}

impl Config {
    /// The lowered maxima of a service, by shape.
    pub(crate) fn maxima(&self, service: &str) -> HashMap<&str, i64> {
        self.maximum
            .iter()
            .filter(|maximum| maximum.service == service)
            .map(|maximum| (maximum.shape.as_str(), maximum.max))
            .collect()
    }

    /// Whether a shape is declared sensitive beyond the model.
    pub(crate) fn is_sensitive(&self, service: &str, shape: &str) -> bool {
        self.sensitive
            .iter()
            .any(|name| name.service == service && name.shape == shape)
    }
}
