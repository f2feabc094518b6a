use chrono::{DateTime, TimeZone, Utc};
use proptest::prelude::*;
use rust_decimal::Decimal;

use super::money::{exact, fixed};
use super::statement::{lines, quantity_text, unit_price_text};
use super::{Money, Month, Rated, TaxLevel, TaxRate, Totals, UsageRow, rate};
use crate::price::sku::Unit;
use crate::price::{Book, Currency, FreeTier, Sku};
use crate::{Architecture, Region};

const GB_S: i128 = 1_024_000;
const X86: Sku = Sku::Duration(Architecture::X86_64);
const ARM: Sku = Sku::Duration(Architecture::Arm64);

fn book() -> Book {
    Book::parse(include_str!("../../../../data/price-book.csv")).unwrap()
}

fn region(name: &str) -> Region {
    name.parse().unwrap()
}

fn hour(day: u32, hour: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 9, day, hour, 0, 0).unwrap()
}

fn row(at: DateTime<Utc>, place: &str, sku: Sku, quantity: i128) -> UsageRow {
    UsageRow {
        hour: at,
        region: region(place),
        sku,
        resource: "arn:aws:lambda:us-east-1:000000000000:function:f".to_owned(),
        coverable: true,
        quantity,
    }
}

fn amounts(rated: &Rated) -> Vec<String> {
    let lines = rated
        .statements
        .iter()
        .flat_map(|statement| &statement.lines);
    lines.map(|line| line.amount.amount()).collect()
}

/// Golden case P2.
#[test]
fn the_free_tier_goes_to_the_earliest_usage() {
    let rows = vec![
        row(hour(1, 9), "eu-central-1", ARM, 200_000 * GB_S),
        row(hour(1, 8), "us-east-1", X86, 300_000 * GB_S),
    ];
    let rated = rate(&book(), FreeTier::month(), rows).unwrap();
    let lines = &rated.statements[0].lines;
    let shown: Vec<_> = lines
        .iter()
        .map(|line| {
            (
                line.rate.region.as_str(),
                line.rate.tier_name(),
                line.quantity_text(),
                line.amount.to_string(),
            )
        })
        .collect();
    let want = |place, tier: &str, quantity: &str, amount: &str| {
        (
            place,
            tier.to_owned(),
            quantity.to_owned(),
            amount.to_owned(),
        )
    };
    assert_eq!(
        shown,
        [
            want("eu-central-1", "free", "100000", "0.00 USD"),
            want("eu-central-1", "1", "100000", "1.33 USD"),
            want("us-east-1", "free", "300000", "0.00 USD"),
        ]
    );
    assert_eq!(rated.free.duration, 0);
}

/// Golden case P1, by a book that changes in the middle of the month; and the position in the tiers carries over the change.
#[test]
fn a_price_change_makes_two_lines_and_the_position_goes_on() {
    let text = "region,sku,currency,unit,tier_from,tier_to,unit_price,valid_from,confidence\n\
        ap-northeast-3,duration-x86_64,USD,GB-second,0,,0.0000215300,2026-01-01,test\n\
        ap-northeast-3,duration-x86_64,USD,GB-second,0,1500000,0.0000166667,2026-09-15,test\n\
        ap-northeast-3,duration-x86_64,USD,GB-second,1500000,,0.0000100000,2026-09-15,test\n";
    let book = Book::parse(text).unwrap();
    let of = |day, million: i128| {
        row(
            hour(day, 0),
            "ap-northeast-3",
            X86,
            million * 500_000 * GB_S,
        )
    };
    let rated = rate(&book, FreeTier::none(), vec![of(2, 2), of(20, 1)]).unwrap();
    assert_eq!(amounts(&rated), ["21.53", "8.33"]);
    let rated = rate(&book, FreeTier::none(), vec![of(2, 2), of(20, 2)]).unwrap();
    // The second million has the first one behind it: half of it in the first tier, half in the second.
    assert_eq!(amounts(&rated), ["21.53", "8.33", "5.00"]);
    let flat = Book::parse(
        &text
            .replace("0,1500000,0.0000166667", "0,15000000,0.0000166667")
            .replace("1500000,,", "15000000,,"),
    )
    .unwrap();
    let rated = rate(&flat, FreeTier::none(), vec![of(2, 2), of(20, 2)]).unwrap();
    assert_eq!(amounts(&rated), ["21.53", "16.67"]);
    assert_eq!(rated.statements[0].subtotal().amount(), "38.20");
}

/// Golden case P3.
#[test]
fn taxes_come_before_prepaid_credit() {
    let euro: Currency = "EUR".parse().unwrap();
    let vat = TaxRate::new("VAT", Decimal::from(24)).unwrap();
    let text = "region,sku,currency,unit,tier_from,tier_to,unit_price,valid_from,confidence\n\
        eu-central-1,requests,EUR,1000000 requests,0,,1.00,2026-01-01,test\n";
    let usage = vec![row(hour(1, 0), "eu-central-1", Sku::Requests, 14_290_000)];
    let rated = rate(&Book::parse(text).unwrap(), FreeTier::none(), usage).unwrap();
    let lines = &rated.statements[0].lines;
    let of = |credit, level| {
        Totals::of(
            lines,
            Money::new(0, euro),
            std::slice::from_ref(&vat),
            level,
            Money::new(credit, euro),
        )
    };
    let totals = of(10_000, TaxLevel::Invoice);
    assert_eq!(
        (
            totals.subtotal.amount(),
            totals.total.amount(),
            totals.credit.amount(),
            totals.due.amount()
        ),
        (
            "14.29".into(),
            "17.72".into(),
            "17.72".into(),
            "0.00".into()
        )
    );
    assert_eq!(of(500, TaxLevel::Line).due.amount(), "12.72");
    assert_eq!(vat.percent(), "24");
    assert!(TaxRate::new("VAT", "7.00001".parse().unwrap()).is_err());
    assert!(TaxRate::new("VAT", Decimal::from(-1)).is_err());
    assert!(TaxRate::new(" ", Decimal::from(1)).is_err());
}

#[test]
fn what_has_no_price_is_told_and_currencies_stay_apart() {
    let rows = vec![
        row(hour(1, 0), "us-east-1", Sku::Requests, 10_000_000),
        row(hour(1, 0), "cn-north-1", Sku::Requests, 10_000_000),
        row(hour(1, 0), "il-central-1", Sku::EphemeralStorage, 5),
        UsageRow {
            coverable: false,
            ..row(hour(1, 0), "us-east-1", Sku::Requests, 1_000_000)
        },
    ];
    let rated = rate(&book(), FreeTier::none(), rows).unwrap();
    let currencies: Vec<_> = rated
        .statements
        .iter()
        .map(|one| one.currency.to_string())
        .collect();
    assert_eq!(currencies, ["CNY", "USD"]);
    assert_eq!(rated.unpriced.len(), 1);
    assert_eq!(rated.statements[1].subtotal().to_string(), "2.20 USD");
    let covered = rate(
        &book(),
        FreeTier::month(),
        vec![UsageRow {
            coverable: false,
            ..row(hour(1, 0), "us-east-1", Sku::Requests, 5_000_000)
        }],
    );
    assert_eq!(amounts(&covered.unwrap()), ["1.00"]);
}

#[test]
fn months() {
    let month: Month = "2026-12".parse().unwrap();
    assert_eq!(month.to_string(), "2026-12");
    assert_eq!(
        month.end(),
        Utc.with_ymd_and_hms(2027, 1, 1, 0, 0, 0).unwrap()
    );
    assert_eq!(
        (
            month.days(),
            month.next().to_string(),
            month.previous().to_string()
        ),
        (31, "2027-01".into(), "2026-11".into())
    );
    assert!(month.contains(month.start()) && !month.contains(month.end()));
    for wrong in [
        "2026", "2026-13", "2026-1", "26-01", "2026-010", "+026-01", "2026-00", "",
    ] {
        assert!(wrong.parse::<Month>().is_err(), "{wrong}");
    }
}

#[test]
fn texts_of_amounts_and_quantities() {
    assert_eq!(
        (fixed(-5, 2), fixed(1_200, 0), fixed(1, 10)),
        ("-0.05".into(), "1200".into(), "0.0000000001".into())
    );
    assert_eq!(
        (exact(1, 1_024_000), exact(-3, 2), exact(7, 7)),
        ("0.0000009765625".into(), "-1.5".into(), "1".into())
    );
    assert_eq!(quantity_text(X86, 128), "0.000125");
    assert_eq!(
        unit_price_text(Sku::Requests, 20_000_000_000_000, 1_000_000),
        "0.0000002"
    );
    assert_eq!(unit_price_text(X86, 1_666_670_000, GB_S), "0.0000166667");
    let digits = |code: &str| code.parse::<Currency>().unwrap().digits();
    assert_eq!(
        (digits("USD"), digits("JPY"), digits("KWD"), digits("ZZZ")),
        (2, 0, 3, 2)
    );
    let usd: Currency = "USD".parse().unwrap();
    assert_eq!(Money::round_e10(50_000_000, usd).minor, 1);
    assert_eq!(Money::round_e10(49_999_999, usd).minor, 0);
    assert_eq!(Money::new(273, usd).e10(), 27_300_000_000);
}

fn any_row() -> impl Strategy<Value = UsageRow> {
    let skus = [Sku::Requests, X86, ARM, Sku::EphemeralStorage];
    (
        0_u32..48,
        0_usize..3,
        0_usize..4,
        0_i128..9_000_000_000,
        0_u8..3,
    )
        .prop_map(move |(at, place, sku, quantity, resource)| UsageRow {
            resource: format!("f{resource}"),
            ..row(
                hour(1 + at / 24, at % 24),
                ["eu-west-1", "us-east-1", "us-west-2"][place],
                skus[sku],
                quantity
                    * if sku == 0 {
                        1
                    } else {
                        Unit::GbSecond.quanta() / 8
                    },
            )
        })
}

proptest! {
    #[test]
    fn rating_does_not_depend_on_order_and_keeps_every_quantum(
        rows in proptest::collection::vec(any_row(), 0..24).prop_shuffle(),
    ) {
        let book = book();
        let rated = rate(&book, FreeTier::month(), rows.clone()).unwrap();
        let backward = rate(&book, FreeTier::month(), rows.iter().rev().cloned().collect()).unwrap();
        prop_assert_eq!(&rated, &backward);
        prop_assert!(rated.unpriced.is_empty());
        for sku in [Sku::Requests, X86, ARM, Sku::EphemeralStorage] {
            let used: i128 = rows.iter().filter(|row| row.sku == sku).map(|row| row.quantity).sum();
            let of = rated.statements.iter().flat_map(|one| &one.charges).filter(|charge| charge.rate.sku == sku);
            prop_assert_eq!(of.map(|charge| charge.quantity).sum::<i128>(), used);
        }
        let free = |pick: &dyn Fn(Sku) -> bool| -> i128 {
            let charges = rated.statements.iter().flat_map(|one| &one.charges);
            charges.filter(|charge| charge.rate.tier.is_none() && pick(charge.rate.sku)).map(|charge| charge.quantity).sum()
        };
        let used = |pick: &dyn Fn(Sku) -> bool| -> i128 { rows.iter().filter(|row| pick(row.sku)).map(|row| row.quantity).sum() };
        let duration = |sku| matches!(sku, Sku::Duration(_));
        prop_assert_eq!(free(&duration), used(&duration).min(FreeTier::month().duration));
        prop_assert_eq!(free(&|sku| sku == Sku::Requests), used(&|sku| sku == Sku::Requests).min(FreeTier::month().requests));
        prop_assert_eq!(free(&|sku| sku == Sku::EphemeralStorage), 0);
    }

    /// However a month's usage is cut into rows, its lines are the same.
    #[test]
    fn lines_do_not_depend_on_how_usage_is_cut(
        quantity in 0_i128..20_000_000_000_000_000, cuts in proptest::collection::vec(0_i128..20_000_000_000_000_000, 0..6),
    ) {
        let book = book();
        let mut ends: Vec<i128> = cuts.into_iter().map(|cut| cut.min(quantity)).collect();
        ends.push(quantity);
        ends.sort_unstable();
        let mut from = 0;
        let mut rows = Vec::new();
        for (index, end) in ends.into_iter().enumerate() {
            rows.push(row(hour(1, u32::try_from(index).unwrap()), "us-east-1", X86, end - from));
            from = end;
        }
        let cut = rate(&book, FreeTier::month(), rows).unwrap();
        let whole = rate(&book, FreeTier::month(), vec![row(hour(1, 0), "us-east-1", X86, quantity)]).unwrap();
        let of = |rated: &Rated| rated.statements.first().map(|one| one.lines.clone());
        prop_assert_eq!(of(&cut).unwrap_or_default(), of(&whole).unwrap_or_default());
        for statement in &cut.statements {
            let residue = statement.residue_e10().abs();
            let at_most = 50_000_000 * i128::try_from(statement.lines.len()).unwrap() + i128::try_from(statement.charges.len()).unwrap();
            prop_assert!(residue <= at_most, "{residue}");
            prop_assert_eq!(lines(&statement.charges, statement.currency).unwrap(), statement.lines.clone());
        }
    }
}
