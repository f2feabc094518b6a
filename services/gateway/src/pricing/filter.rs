//! Which products are meant.

use aws_model::pricing::Filter;
use wire::Fault;

use super::faults;
use super::product::{ATTRIBUTES, Product};

/// Refuses filters by what products do not have.
pub(super) fn check(filters: &[Filter]) -> Result<(), Fault> {
    let unknown = filters
        .iter()
        .find(|filter| !ATTRIBUTES.contains(&filter.field.as_str()));
    unknown.map_or(Ok(()), |filter| Err(faults::no_attribute(&filter.field)))
}

/// Whether a product passes all filters.
pub(super) fn passes(filters: &[Filter], product: &Product) -> bool {
    filters.iter().all(|filter| {
        let value = product.attributes.get(filter.field.as_str());
        value.is_some_and(|value| fits(&filter.r#type, value, &filter.value))
    })
}

fn fits(kind: &str, value: &str, wanted: &str) -> bool {
    let among = || wanted.split(',').any(|wanted| wanted.trim() == value);
    match kind {
        "CONTAINS" => value.contains(wanted),
        "ANY_OF" => among(),
        "NONE_OF" => !among(),
        // TERM_MATCH and EQUALS.
        _ => value == wanted,
    }
}
