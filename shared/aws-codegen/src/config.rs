//! `operations.toml`: what to generate, and where we depart from the models.

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) wheel: WheelPin,
    pub(crate) service: Vec<Service>,
    pub(crate) maximum: Vec<Maximum>,
    pub(crate) open: Vec<ShapeName>,
    pub(crate) sensitive: Vec<ShapeName>,
    pub(crate) pattern: Vec<PatternNote>,
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
    /// Code of the error for inputs that break a constraint.
    pub(crate) invalid: String,
    /// Operations that get types and tables.
    pub(crate) operations: Vec<String>,
}

/// A lower maximum than the model's.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Maximum {
    pub(crate) service: String,
    pub(crate) shape: String,
    pub(crate) max: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShapeName {
    pub(crate) service: String,
    pub(crate) shape: String,
}

/// What we know of a pattern beyond the model.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PatternNote {
    pub(crate) text: String,
    /// The same language without look-around.
    pub(crate) regex: Option<String>,
    /// What the service answers instead of quoting the pattern.
    pub(crate) sentence: Option<String>,
}

impl Config {
    /// The lowered maximum of a shape.
    pub(crate) fn maximum(&self, service: &str, shape: &str) -> Option<f64> {
        self.maximum
            .iter()
            .find(|maximum| maximum.service == service && maximum.shape == shape)
            .map(|maximum| maximum.max)
    }

    /// Whether a shape is declared sensitive beyond the model.
    pub(crate) fn is_sensitive(&self, service: &str, shape: &str) -> bool {
        names(&self.sensitive, service, shape)
    }

    /// Whether an enum's values are not to be checked.
    pub(crate) fn is_open(&self, service: &str, shape: &str) -> bool {
        names(&self.open, service, shape)
    }
}

fn names(list: &[ShapeName], service: &str, shape: &str) -> bool {
    list.iter()
        .any(|name| name.service == service && name.shape == shape)
}
