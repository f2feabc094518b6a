//! Books are written as they are read. What is refused is in the tests of prices.

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use super::{BookError, COLUMNS, time_text};
use crate::price::{Book, Price, Sku, Tier};

const SHIPPED: &str = include_str!("../../../../../data/price-book.csv");

#[test]
fn the_shipped_book_comes_back() {
    let book = Book::parse(SHIPPED).unwrap();
    let text = book.to_csv();
    assert_eq!(Book::parse(&text).unwrap(), book);
    // Written again, it is the same text.
    assert_eq!(Book::parse(&text).unwrap().to_csv(), text);
    let line = "us-east-1,requests,USD,1000000 requests,0,,0.2,2020-12-01,calculator";
    assert!(text.lines().any(|other| other == line), "{text}");
    assert_eq!(text.lines().next(), Some(COLUMNS));
    assert_eq!(Book::default().to_csv().lines().count(), 1);
}

#[test]
fn a_moment_twice_is_told_with_its_line() {
    let text = format!(
        "{COLUMNS}\n\
        r,requests,USD,1000000 requests,0,,1,2020-12-01,t\n\
        r,requests,USD,1000000 requests,0,,2,2020-12-01T00:00:00Z,t\n"
    );
    let error = Book::parse(&text).unwrap_err();
    assert!(matches!(error, BookError { line: 3, .. }), "{error}");
}

fn any_price() -> impl Strategy<Value = Price> {
    let steps = proptest::collection::vec((1_i128..1_000_000_000, 0_i128..10_i128.pow(18)), 1..4);
    let coarse = prop_oneof![Just(1_u32), Just(100)];
    (
        "[a-z]{2}-[a-z]{4}-[1-9]",
        0..Sku::ALL.len(),
        0_i64..400_000,
        coarse,
        "[a-z 0-9]{0,12}",
        steps,
    )
        .prop_map(|(region, sku, hours, duration_step_ms, source, steps)| {
            let sku = Sku::ALL[sku];
            let quanta = sku.unit().quanta();
            let mut from = 0;
            let mut tiers: Vec<Tier> = Vec::new();
            for (length, price_e14) in steps {
                let to = from + length * quanta;
                tiers.push(Tier {
                    from,
                    to: Some(to),
                    price_e14,
                });
                from = to;
            }
            tiers.last_mut().unwrap().to = None;
            Price {
                region: region.parse().unwrap(),
                sku,
                currency: "EUR".parse().unwrap(),
                valid_from: DateTime::<Utc>::UNIX_EPOCH + TimeDelta::hours(hours),
                quanta_per_unit: quanta,
                duration_step_ms,
                source,
                tiers,
            }
        })
}

proptest! {
    #[test]
    fn any_book_comes_back(prices in proptest::collection::vec(any_price(), 0..8)) {
        let mut book = Book::default();
        for price in prices {
            // By chance, two may have one place.
            if book.starting(&price.region, price.sku, price.valid_from).is_none() {
                book.insert(price).unwrap();
            }
        }
        prop_assert_eq!(Book::parse(&book.to_csv()).unwrap(), book);
    }
}

#[test]
fn moments_as_a_book_has_them() {
    let check = |text: &str, want: &str| assert_eq!(time_text(text.parse().unwrap()), want);
    check("2026-11-01T00:00:00Z", "2026-11-01");
    check("2026-11-01T05:00:00Z", "2026-11-01T05:00:00Z");
}
