use super::Diff;
use crate::price::text::time_text;
use crate::price::{Book, Price};

const HEADER: &str = "region,sku,currency,unit,tier_from,tier_to,unit_price,valid_from,confidence";

fn book(lines: &[(&str, &str)]) -> Book {
    let line = |(price, from): &(&str, &str)| {
        format!("r,requests,USD,1000000 requests,0,,{price},{from},t\n")
    };
    let lines: String = lines.iter().map(line).collect();
    Book::parse(&format!("{HEADER}\n{lines}")).unwrap()
}

fn of(price: &Price) -> String {
    let whole = price.tiers[0].price_e14 / 10_i128.pow(14);
    format!("{whole} from {}", time_text(price.valid_from))
}

#[test]
fn versions_are_new_in_conflict_missing_or_the_same() {
    let from = book(&[
        ("1", "2020-01-01"),
        ("2", "2021-01-01"),
        ("3", "2022-01-01"),
    ]);
    let to = book(&[
        ("9", "2019-01-01"),
        ("1", "2020-01-01"),
        ("5", "2021-01-01"),
        ("4", "2023-01-01"),
    ]);
    let diff = Diff::of(&from, &to);
    let added = diff.added.iter();
    let added: Vec<_> = added
        .map(|added| (of(added.price), added.before.map(of)))
        .collect();
    assert_eq!(
        added,
        [
            ("9 from 2019-01-01".to_owned(), None),
            (
                "4 from 2023-01-01".to_owned(),
                Some("3 from 2022-01-01".to_owned())
            ),
        ]
    );
    let conflicts = diff.conflicts.iter();
    let conflicts: Vec<_> = conflicts.map(|(a, b)| (of(a), of(b))).collect();
    assert_eq!(
        conflicts,
        [(
            "2 from 2021-01-01".to_owned(),
            "5 from 2021-01-01".to_owned()
        )]
    );
    let missing: Vec<_> = diff.missing.iter().map(|price| of(price)).collect();
    assert_eq!(
        (missing, diff.same),
        (vec!["3 from 2022-01-01".to_owned()], 1)
    );
}

#[test]
fn where_a_price_was_read_is_no_difference() {
    let from = book(&[("1", "2020-01-01")]);
    let text = from.to_csv().replace(",t\n", ",elsewhere\n");
    let to = Book::parse(&text).unwrap();
    assert_ne!(from, to);
    let diff = Diff::of(&from, &to);
    assert_eq!(
        (diff.same, diff.added.len(), diff.conflicts.len()),
        (1, 0, 0)
    );
}
