//! Which charges are meant.

use serde::{Deserialize, Serialize};

use super::dimension::Dimension;
use super::item::Item;

/// A tree of conditions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Filter {
    /// All of them; without any: every charge.
    And(Vec<Filter>),
    /// One of them; without any: no charge.
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Dimension(Dimension, Match),
    /// By the value of a function's tag, which is empty where it has none.
    Tag(String, Match),
    /// By the value of a cost category of this name. There are none: the value is empty.
    CostCategory(String, Match),
}

/// How a value must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Match {
    /// One of these must fit.
    pub values: Vec<String>,
    pub how: How,
    pub case_sensitive: bool,
}

/// How a value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum How {
    Equals,
    StartsWith,
    EndsWith,
    Contains,
    /// There is no value, whatever the values of the match are.
    Absent,
}

impl Filter {
    /// One that every charge passes.
    pub fn everything() -> Self {
        Self::And(Vec::new())
    }

    pub fn passes(&self, item: &Item<'_>) -> bool {
        match self {
            Self::And(all) => all.iter().all(|filter| filter.passes(item)),
            Self::Or(any) => any.iter().any(|filter| filter.passes(item)),
            Self::Not(filter) => !filter.passes(item),
            Self::Dimension(dimension, rule) => rule.fits(&dimension.of(item)),
            Self::Tag(key, rule) => rule.fits(item.tag(key)),
            Self::CostCategory(_, rule) => rule.fits(""),
        }
    }
}

impl Match {
    /// One of these values, as they are.
    pub fn one_of(values: Vec<String>) -> Self {
        Self {
            values,
            how: How::Equals,
            case_sensitive: true,
        }
    }

    pub fn fits(&self, value: &str) -> bool {
        if self.how == How::Absent {
            return value.is_empty();
        }
        if self.case_sensitive {
            return self
                .values
                .iter()
                .any(|wanted| self.how.fits(value, wanted));
        }
        let value = value.to_lowercase();
        let mut wanted = self.values.iter().map(|wanted| wanted.to_lowercase());
        wanted.any(|wanted| self.how.fits(&value, &wanted))
    }
}

impl How {
    fn fits(self, value: &str, wanted: &str) -> bool {
        match self {
            Self::Equals => value == wanted,
            Self::StartsWith => value.starts_with(wanted),
            Self::EndsWith => value.ends_with(wanted),
            Self::Contains => value.contains(wanted),
            Self::Absent => value.is_empty(),
        }
    }
}
