use std::collections::BTreeSet;

use chrono::{DateTime, TimeZone, Utc};
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::Value;
use uuid::Uuid;

use super::book::{Book, Currency, Price, Tier, hour_of};
use super::free_tier::FreeTier;
use super::rating::{metered, round_half_up};
use super::sku::Sku;
use super::text::parse_price;
use crate::execution::{Execution, Outcome, billed_ms};
use crate::{Architecture, Region};

const BOOK: &str = include_str!("../../../../data/price-book.csv");
const GOLDEN: &str = include_str!("../../../../data/billing-golden.json");

fn book() -> Book {
    Book::parse(BOOK).unwrap()
}

fn golden() -> Value {
    serde_json::from_str(GOLDEN).unwrap()
}

fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 9, 18, 22, 30, 0).unwrap()
}

fn region(name: &str) -> Region {
    name.parse().unwrap()
}

fn price<'a>(book: &'a Book, name: &str, sku: Sku) -> &'a Price {
    book.in_force(&region(name), sku, now()).unwrap()
}

fn architecture(case: &Value) -> Architecture {
    text(case, "arch").parse().unwrap()
}

fn text<'a>(case: &'a Value, key: &str) -> &'a str {
    case[key]
        .as_str()
        .unwrap_or_else(|| panic!("{key} in {case}"))
}

fn number(case: &Value, key: &str) -> i128 {
    case[key]
        .as_i64()
        .unwrap_or_else(|| panic!("{key} in {case}"))
        .into()
}

/// A decimal text as an integer at `digits`.
fn scaled(text: &str, digits: u32) -> i128 {
    let decimal = Decimal::from_str_exact(text).unwrap();
    assert!(decimal.scale() <= digits, "{text}");
    decimal.mantissa() * 10_i128.pow(digits - decimal.scale())
}

/// Invoice lines (R3) of a stretch of month quantity: one per tier, each rounded to cents.
fn lines(price: &Price, from: i128, to: i128) -> Vec<i128> {
    let lines = price.tier_lines(from, to).unwrap();
    lines.iter().map(|line| line.exact.round(2)).collect()
}

fn line(price: &Price, quantity: i128) -> i128 {
    lines(price, 0, quantity).iter().sum()
}

const GB_S: i128 = 1_024_000;

#[test]
fn published_monthly_bills() {
    let book = book();
    for case in golden()["monthly_bills"].as_array().unwrap() {
        let bill = bill(&book, case);
        let want = case["lines"].as_object().unwrap();
        assert_eq!(bill.len(), want.len(), "{case}");
        for (name, amount) in &bill {
            assert_eq!(
                *amount,
                scaled(text(&case["lines"], name), 2),
                "{name} of {case}"
            );
        }
        // Rule R4: the total is the sum of rounded lines.
        let total: i128 = bill.iter().map(|(_, amount)| amount).sum();
        assert_eq!(total, scaled(text(case, "total"), 2), "{case}");
    }
}

/// The lines of a case, in cents.
fn bill(book: &Book, case: &Value) -> Vec<(&'static str, i128)> {
    let of = |sku| price(book, text(case, "region"), sku);
    let arch = architecture(case);
    let memory = number(case, "memory_mb");
    let demand = case.get("on_demand").unwrap_or(case);
    let (invocations, billed_ms) = (number(demand, "invocations"), number(demand, "billed_ms"));
    let mut free = if case["free_tier"] == true {
        FreeTier::month()
    } else {
        FreeTier::none()
    };
    let duration = memory * billed_ms * invocations;
    let duration = duration - free.take(Sku::Duration(arch), duration);
    let mut requests = invocations - free.take(Sku::Requests, invocations);
    let mut bill = vec![("duration", line(of(Sku::Duration(arch)), duration))];
    if let Some(provisioned) = case.get("provisioned") {
        let served = number(provisioned, "invocations");
        requests += served;
        let enabled =
            memory * number(provisioned, "concurrency") * number(provisioned, "hours") * 3_600_000;
        bill.push(("provisioned", line(of(Sku::Provisioned(arch)), enabled)));
        let under = memory * number(provisioned, "billed_ms") * served;
        bill.push((
            "provisioned_duration",
            line(of(Sku::ProvisionedDuration(arch)), under),
        ));
    }
    if let Some(size) = case.get("ephemeral_mb") {
        let extra = i128::from(size.as_i64().unwrap()) - 512;
        let quantity = extra * billed_ms * invocations;
        bill.push((
            "ephemeral_storage",
            line(of(Sku::EphemeralStorage), quantity),
        ));
    }
    if let Some(streaming) = case.get("streaming") {
        let price = of(Sku::StreamingResponse);
        let beyond = number(streaming, "mb_each") - number(streaming, "free_mb_each");
        let bytes = number(streaming, "responses") * beyond * (1 << 20);
        // The published amount is the whole quantity at the paid price: the month's free 100 GB are used up elsewhere.
        let used = number(streaming, "free_gb_month") * (1 << 30);
        bill.push(("streaming", lines(price, used, used + bytes).iter().sum()));
    }
    bill.push(("requests", line(of(Sku::Requests), requests)));
    bill
}

#[test]
fn volume_tiers() {
    let book = book();
    for case in golden()["tiers"].as_array().unwrap() {
        let duration = price(&book, "us-east-1", Sku::Duration(architecture(case)));
        let got = lines(duration, 0, scaled(text(case, "gb_seconds"), 0) * GB_S);
        let want = case["duration_lines"].as_array().unwrap();
        let want: Vec<i128> = want
            .iter()
            .map(|line| scaled(line.as_str().unwrap(), 2))
            .collect();
        assert_eq!(got, want, "{case}");
        let requests = line(
            price(&book, "us-east-1", Sku::Requests),
            number(case, "invocations"),
        );
        let total = requests + got.iter().sum::<i128>();
        assert_eq!(
            total,
            scaled(text(case, "total_with_requests"), 2),
            "{case}"
        );
    }
}

#[test]
fn tier_boundaries_to_ten_digits() {
    let book = book();
    for case in golden()["tier_boundaries_exact"].as_array().unwrap() {
        let duration = price(&book, "us-east-1", Sku::Duration(architecture(case)));
        let quantity = scaled(text(case, "gb_seconds"), 0) * GB_S;
        let amount = duration.row_e10(0, quantity).unwrap();
        assert_eq!(amount, scaled(text(case, "amount"), 10), "{case}");
    }
}

#[test]
fn usage_rows_to_ten_digits() {
    let golden = golden();
    for case in golden["usage_rows_10dp_half_up"].as_array().unwrap() {
        let unit_price = parse_price(text(case, "unit_price")).unwrap();
        // A request's price is per request here.
        let quanta = if unit_price == parse_price("0.0000002").unwrap() {
            1
        } else {
            GB_S
        };
        let quantity = Decimal::from_str_exact(text(case, "quantity")).unwrap()
            * Decimal::from_i128_with_scale(quanta, 0);
        assert!(quantity.fract().is_zero(), "{case}");
        let price = flat(unit_price, quanta);
        let cost = price.row_e10(0, quantity.normalize().mantissa()).unwrap();
        assert_eq!(cost, scaled(text(case, "cost"), 10), "{case}");
    }
    let smallest = &golden["smallest_call"];
    let price = flat(parse_price("0.0000166667").unwrap(), GB_S);
    let quantity = number(smallest, "memory_mb") * number(smallest, "billed_ms");
    let exact = price.between(0, quantity).unwrap();
    assert_eq!(
        exact.numerator * 100,
        scaled(text(smallest, "exact"), 16) * exact.quanta_per_unit
    );
    assert_eq!(
        exact.round(10),
        scaled(text(smallest, "usage_row_10dp"), 10)
    );
}

#[test]
fn billed_durations() {
    for case in golden()["billed_duration"].as_array().unwrap() {
        let ns = |key: &str| case[key].as_str().map_or(0, |ms| scaled(ms, 6));
        let total = u64::try_from(ns("init_ms") + ns("invoke_ms")).unwrap();
        let billed = billed_ms(std::time::Duration::from_nanos(total), 1);
        assert_eq!(i128::from(billed), number(case, "billed_ms"), "{case}");
    }
}

#[test]
fn a_price_change_inside_a_month_makes_two_lines() {
    let golden = golden();
    let case = golden["policy"]
        .as_array()
        .unwrap()
        .iter()
        .find(|case| case["id"] == "P1")
        .unwrap();
    let text_of = |price: &str, from: &str| {
        format!("ap-northeast-3,duration-x86_64,USD,GB-second,0,,{price},{from},test\n")
    };
    let book = format!(
        "{}\n{}{}",
        BOOK.lines().next().unwrap(),
        text_of("0.0000166667", "2026-09-15"),
        text_of("0.0000215300", "2020-12-01"),
    );
    let book = Book::parse(&book).unwrap();
    let at = |day| {
        let at = Utc.with_ymd_and_hms(2026, 9, day, 0, 0, 0).unwrap();
        book.in_force(
            &region("ap-northeast-3"),
            Sku::Duration(Architecture::X86_64),
            at,
        )
    };
    let million = 1_000_000 * GB_S;
    let got: Vec<i128> = [14, 15].map(|day| line(at(day).unwrap(), million)).into();
    let want = case["lines"].as_array().unwrap();
    let want: Vec<i128> = want
        .iter()
        .map(|line| scaled(line.as_str().unwrap(), 2))
        .collect();
    assert_eq!(got, want);
    assert_eq!(got.iter().sum::<i128>(), scaled(text(case, "total"), 2));
    let before = Utc.with_ymd_and_hms(2020, 11, 30, 23, 0, 0).unwrap();
    assert_eq!(
        book.in_force(
            &region("ap-northeast-3"),
            Sku::Duration(Architecture::X86_64),
            before
        ),
        None
    );
}

/// A price of one tier.
fn flat(price_e14: i128, quanta_per_unit: i128) -> Price {
    tiered(&[(0, price_e14)], quanta_per_unit)
}

fn tiered(tiers: &[(i128, i128)], quanta_per_unit: i128) -> Price {
    let ends = tiers.iter().skip(1).map(|tier| Some(tier.0)).chain([None]);
    let price = Price {
        region: region("us-east-1"),
        sku: Sku::Duration(Architecture::X86_64),
        currency: "USD".parse().unwrap(),
        valid_from: hour_of(now()),
        quanta_per_unit,
        duration_step_ms: 1,
        source: "test".to_owned(),
        tiers: tiers
            .iter()
            .zip(ends)
            .map(|(&(from, price_e14), to)| Tier {
                from,
                to,
                price_e14,
            })
            .collect(),
    };
    price.check().unwrap();
    price
}

fn execution(memory_mb: u32, invoke_ns: u64) -> Execution {
    Execution {
        request_id: Uuid::nil(),
        attempt: 1,
        account: "000000000000".parse().unwrap(),
        region: region("us-east-1"),
        function_arn: "arn:aws:lambda:us-east-1:000000000000:function:f".to_owned(),
        version: "$LATEST".to_owned(),
        architecture: Architecture::X86_64,
        memory_mb,
        ephemeral_mb: 512,
        init_ns: 0,
        invoke_ns,
        request_bytes: 0,
        response_bytes: 0,
        outcome: Outcome::Success,
        started_at: now(),
        ended_at: now(),
    }
}

#[test]
fn cost_of_one_execution_by_hand() {
    let book = book();
    // 128 MB x 3 ms = 384 MB·ms; x 0.0000166667 / 1,024,000 = 0.00000000625001..., rounded 0.0000000063; one request 0.0000002.
    let cost = book.cost(&execution(128, 2_100_000), 1).unwrap();
    assert_eq!(cost.to_string(), "0.0000002063 USD");

    // 1 GB for 1 s with 2,560 MB of /tmp: + 2 GB x 1 s x 0.0000000309.
    let mut large = execution(1_024, 1_000_000_000);
    large.ephemeral_mb = 2_560;
    // 0.0000002 + 0.0000166667 + 0.0000000618
    assert_eq!(
        book.cost(&large, 1).unwrap().to_string(),
        "0.0000169285 USD"
    );

    let mut lost = execution(128, 3_000_000);
    lost.outcome = Outcome::PlatformLost;
    assert_eq!(book.cost(&lost, 1).unwrap().amount_e10, 0);

    let mut failed = execution(128, 3_000_000);
    failed.outcome = Outcome::FunctionError;
    assert_eq!(
        book.cost(&failed, 1),
        book.cost(&execution(128, 3_000_000), 1)
    );

    let mut elsewhere = execution(128, 3_000_000);
    elsewhere.region = region("mars-north-1");
    assert_eq!(book.cost(&elsewhere, 1), None);

    let mut china = execution(128, 3_000_000);
    china.region = region("cn-north-1");
    assert_eq!(book.cost(&china, 1).unwrap().currency.as_str(), "CNY");
}

#[test]
fn quantities_of_one_execution() {
    let parts = |execution: &Execution, ms| {
        metered(execution, ms)
            .map(|part| (part.sku.as_str(), part.quantity))
            .collect::<Vec<_>>()
    };
    let small = execution(128, 0);
    assert_eq!(
        parts(&small, 3),
        [("requests", 1), ("duration-x86_64", 384)]
    );
    assert_eq!(parts(&small, 0), [("requests", 1)]);
    let mut large = execution(256, 0);
    large.ephemeral_mb = 10_240;
    large.architecture = Architecture::Arm64;
    assert_eq!(
        parts(&large, 10),
        [
            ("requests", 1),
            ("duration-arm64", 2_560),
            ("ephemeral-storage", 97_280)
        ]
    );
}

#[test]
fn halves_round_away_from_zero() {
    let check = |numerator, divisor, want| {
        assert_eq!(
            round_half_up(numerator, divisor),
            want,
            "{numerator} / {divisor}"
        );
        assert_eq!(
            round_half_up(-numerator, divisor),
            -want,
            "-{numerator} / {divisor}"
        );
    };
    check(0, 10, 0);
    check(4, 10, 0);
    check(5, 10, 1);
    // Banker's rounding would make these 2 and 4.
    check(25, 10, 3);
    check(45, 10, 5);
    check(1, 3, 0);
    check(2, 3, 1);
    check(i128::MAX, i128::MAX, 1);
    // No float holds 2^53 + 1.
    let price = flat(10_i128.pow(14), 1);
    assert_eq!(
        price.between(0, (1 << 53) + 1).unwrap().round(0),
        (1 << 53) + 1
    );
}

#[test]
fn what_the_shipped_book_prices_and_what_it_does_not() {
    let book = book();
    let regions: BTreeSet<_> = book.iter().map(|price| price.region.clone()).collect();
    assert_eq!(regions.len(), 28);
    let architectures = [Architecture::X86_64, Architecture::Arm64];
    let skus = [Sku::Requests, Sku::EphemeralStorage]
        .into_iter()
        .chain(architectures.map(Sku::Duration));
    let mut unpriced = Vec::new();
    for sku in skus {
        for region in &regions {
            if book.in_force(region, sku, now()).is_none() {
                unpriced.push(format!("{region} {sku}"));
            }
        }
    }
    // Executions there are metered and run, but have no cost: a price has to be added first.
    assert_eq!(
        unpriced,
        [
            "il-central-1 ephemeral-storage",
            "me-central-1 ephemeral-storage",
            "cn-northwest-1 duration-x86_64",
            "il-central-1 duration-arm64",
            "me-central-1 duration-arm64",
        ]
    );
}

#[test]
fn a_book_is_refused_whole_with_line_and_reason() {
    let header = BOOK.lines().next().unwrap();
    let good = "us-east-1,requests,USD,1000000 requests,0,,0.20,2020-12-01,test";
    let check = |lines: &str, line: usize, reason: &str| {
        let error = Book::parse(&format!("{header}\n{good}\n{lines}")).unwrap_err();
        assert_eq!(error.line, line, "{error}");
        assert!(error.reason.contains(reason), "{error}");
    };
    let duration = |rest: &str| format!("eu-west-1,duration-x86_64,{rest}\n");
    check("eu-west-1,requests,USD", 3, "3 fields instead of 9");
    check(
        &duration("usd,GB-second,0,,0.1,2020-12-01,t"),
        3,
        "capital letters",
    );
    check(
        &duration("USD,GB,0,,0.1,2020-12-01,t"),
        3,
        "priced per \"GB-second\", got \"GB\"",
    );
    check(
        &duration("USD,GB-second,0,,x,2020-12-01,t"),
        3,
        "not a price",
    );
    check(
        &duration("USD,GB-second,0,,0.000000000000001,2020-12-01,t"),
        3,
        "more than 14 digits",
    );
    check(&duration("USD,GB-second,0,,-1,2020-12-01,t"), 3, "negative");
    check(
        &duration("USD,GB-second,0,,1,2020-12-01T00:30:00Z,t"),
        3,
        "full hour",
    );
    check(
        &duration("USD,GB-second,1,,1,2020-12-01,t"),
        3,
        "does not start at 0",
    );
    check(
        &duration("USD,GB-second,0,5,1,2020-12-01,t"),
        3,
        "has an end",
    );
    check(
        "eu-west-1,gold,USD,GB,0,,1,2020-12-01,t",
        3,
        "not a known SKU",
    );
    let gap =
        duration("USD,GB-second,0,5,1,2020-12-01,t") + &duration("USD,GB-second,6,,1,2020-12-01,t");
    check(&gap, 4, "gap or overlap");
    let mixed =
        duration("USD,GB-second,0,5,1,2020-12-01,t") + &duration("EUR,GB-second,5,,1,2020-12-01,t");
    check(&mixed, 4, "differ in currency");
    check(good, 3, "overlap");
    assert!(Book::parse("region,sku").is_err());
    assert!(Book::parse("").is_err());
    assert_eq!("USD".parse::<Currency>().unwrap().to_string(), "USD");
}

#[test]
fn history_with_a_coarser_step_can_be_priced() {
    let header = BOOK.lines().next().unwrap();
    let text = format!(
        "{header},duration_step_ms\n\
         us-east-1,duration-x86_64,USD,GB-second,0,,0.0000166667,2014-11-01,history,100\n\
         us-east-1,requests,USD,1000000 requests,0,,0.20,2014-11-01,history,\n"
    );
    let book = Book::parse(&text).unwrap();
    // AWS's own example: 27.40 ms were billed as 100 ms.
    let step = book.duration_step_ms(
        &region("us-east-1"),
        Sku::Duration(Architecture::X86_64),
        now(),
    );
    assert_eq!(execution(128, 27_400_000).billed_ms(step.into()), 100);
    // 12,800 MB·ms x 0.0000166667 / 1,024,000 = 0.00000020833..., and the request.
    let cost = book.cost(&execution(128, 27_400_000), 1).unwrap();
    assert_eq!(cost.to_string(), "0.0000004083 USD");
}

#[test]
fn out_of_range_is_an_error_and_not_a_wrong_number() {
    let price = flat(1_700_000_000, GB_S);
    assert!(price.between(0, i128::MAX).is_err());
    assert!(price.between(0, 77_000_000_000_000_000).is_ok());
}

fn any_price() -> impl Strategy<Value = Price> {
    let tiers = proptest::collection::vec((1_i128..10_i128.pow(16), 0_i128..10_i128.pow(10)), 1..5);
    (tiers, prop_oneof![Just(1), Just(1_000_000), Just(GB_S)]).prop_map(|(steps, quanta)| {
        let mut from = 0;
        let tiers: Vec<_> = steps
            .into_iter()
            .map(|(length, price)| {
                let tier = (from, price);
                from += length;
                tier
            })
            .collect();
        tiered(&tiers, quanta)
    })
}

proptest! {
    #[test]
    fn rating_is_additive_wherever_it_is_split(
        price in any_price(),
        mut cuts in proptest::collection::vec(0_i128..10_i128.pow(17), 2..8),
    ) {
        cuts.sort_unstable();
        let (first, last) = (cuts[0], cuts[cuts.len() - 1]);
        let whole = price.between(first, last).unwrap().numerator;
        let parts: i128 = cuts.windows(2).map(|cut| price.between(cut[0], cut[1]).unwrap().numerator).sum();
        prop_assert_eq!(parts, whole);
        let tiers: i128 = price.tier_lines(first, last).unwrap().iter().map(|line| line.exact.numerator).sum();
        prop_assert_eq!(tiers, whole);
        let quantity: i128 = price.tier_lines(first, last).unwrap().iter().map(|line| line.quantity).sum();
        prop_assert_eq!(quantity, last - first);
    }

    #[test]
    fn more_usage_never_costs_less(price in any_price(), a in 0_i128..10_i128.pow(17), b in 0_i128..10_i128.pow(17)) {
        let (less, more) = (a.min(b), a.max(b));
        prop_assert!(price.row_e10(0, less).unwrap() <= price.row_e10(0, more).unwrap());
    }

    #[test]
    fn a_refund_cancels_its_charge(price in any_price(), a in 0_i128..10_i128.pow(17), b in 0_i128..10_i128.pow(17)) {
        prop_assert_eq!(price.row_e10(a, b).unwrap() + price.row_e10(b, a).unwrap(), 0);
    }

    #[test]
    fn rounding_errs_by_half_a_digit_at_most(price in any_price(), quantity in 0_i128..10_i128.pow(17), digits in 0_u32..=14) {
        let exact = price.between(0, quantity).unwrap();
        let divisor = exact.quanta_per_unit * 10_i128.pow(14 - digits);
        let error = exact.round(digits) * divisor - exact.numerator;
        prop_assert!(2 * error <= divisor && 2 * error > -divisor);
    }
}
