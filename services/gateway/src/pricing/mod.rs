//! The price list: what is in the account's price book, under AWS's names.

mod attributes;
mod faults;
mod filter;
mod product;
mod products;
mod service;
mod services;
#[cfg(test)]
mod tests;

pub(crate) use service::service;
