//! What one book has that another has not.

use super::book::{Book, Price};

/// The differences from one book to another, in the order of region, SKU and time.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Diff<'a> {
    /// Versions that only the other book has.
    pub added: Vec<Added<'a>>,
    /// Versions of the same region, SKU and time that charge differently: the first book's and the other's.
    pub conflicts: Vec<(&'a Price, &'a Price)>,
    /// Versions that only the first book has.
    pub missing: Vec<&'a Price>,
    /// Versions that both have, charging the same.
    pub same: usize,
}

/// A version that comes new into a book.
#[derive(Debug, PartialEq, Eq)]
pub struct Added<'a> {
    pub price: &'a Price,
    /// What the book has in force at that moment: what the new version replaces.
    pub before: Option<&'a Price>,
}

impl<'a> Diff<'a> {
    pub fn of(from: &'a Book, to: &'a Book) -> Self {
        let mut diff = Self::default();
        for price in to.iter() {
            let before = from.in_force(&price.region, price.sku, price.valid_from);
            match before.filter(|before| before.valid_from == price.valid_from) {
                None => diff.added.push(Added { price, before }),
                Some(known) if known.charges_as(price) => diff.same += 1,
                Some(known) => diff.conflicts.push((known, price)),
            }
        }
        let of = |price: &&Price| to.starting(&price.region, price.sku, price.valid_from);
        diff.missing = from.iter().filter(|price| of(price).is_none()).collect();
        diff
    }
}

#[cfg(test)]
mod tests;
