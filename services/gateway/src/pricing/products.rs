//! `GetProducts`.

use aws_model::pricing::{GetProductsRequest, GetProductsResponse};
use store::billing_terms::Books;
use wire::Fault;

use super::product::{self, Product};
use super::{faults, filter, services};
use crate::call::Call;
use crate::pages;

pub(super) async fn get(cx: Call, input: GetProductsRequest) -> Result<GetProductsResponse, Fault> {
    services::check(&input.service_code, input.format_version.as_deref())?;
    let filters = input.filters.unwrap_or_default();
    filter::check(&filters)?;
    let after = match &input.next_token {
        Some(token) => pages::name(token).ok_or_else(faults::bad_token)?,
        None => String::new(),
    };
    let size = pages::size(input.max_results);
    let mut found = all(&cx).await?;
    found.retain(|product| product.sku > after && filter::passes(&filters, product));
    let next_token = pages::cut(&mut found, size).map(|last| pages::token(&last.sku));
    let list = found.iter().map(|product| product.to_json().to_string());
    Ok(GetProductsResponse {
        format_version: Some(services::FORMAT.to_owned()),
        price_list: Some(list.collect()),
        next_token,
    })
}

/// All products of the account's price book at this moment, in the order of SKUs.
pub(super) async fn all(cx: &Call) -> Result<Vec<Product>, Fault> {
    let internal = |error| crate::internal(&error, cx);
    let store = &cx.app.store;
    let book = store.account_book(cx.account, &Books::default()).await;
    let (terms, book) = book.map_err(internal)?;
    Ok(product::all(&book, terms.free_tier, cx.app.clock.now()))
}
