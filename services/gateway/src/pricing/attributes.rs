//! `GetAttributeValues`.

use std::collections::BTreeSet;

use aws_model::pricing::{AttributeValue, GetAttributeValuesRequest, GetAttributeValuesResponse};
use wire::Fault;

use super::product::ATTRIBUTES;
use super::{faults, products, services};
use crate::call::Call;
use crate::pages;

pub(super) async fn values(
    cx: Call,
    input: GetAttributeValuesRequest,
) -> Result<GetAttributeValuesResponse, Fault> {
    services::check(&input.service_code, None)?;
    let name = input.attribute_name.as_str();
    if !ATTRIBUTES.contains(&name) {
        return Err(faults::no_attribute(name));
    }
    let after = match &input.next_token {
        Some(token) => pages::name(token).ok_or_else(faults::bad_token)?,
        None => String::new(),
    };
    let products = products::all(&cx).await?;
    let found = products
        .iter()
        .filter_map(|product| product.attributes.get(name));
    let found: BTreeSet<&String> = found.filter(|value| **value > after).collect();
    let mut found: Vec<&String> = found.into_iter().collect();
    let next_token =
        pages::cut(&mut found, pages::size(input.max_results)).map(|last| pages::token(last));
    let values = found.into_iter().map(|value| AttributeValue {
        value: Some(value.clone()),
    });
    Ok(GetAttributeValuesResponse {
        attribute_values: Some(values.collect()),
        next_token,
    })
}
