use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Simulation, simulate, statement};
use crate::bill::Profile;
use crate::price::Book;

const BOOK: &str = include_str!("../../../../../data/price-book.csv");
const GOLDEN: &str = include_str!("../../../../../data/billing-golden.json");

fn book() -> Book {
    Book::parse(BOOK).unwrap()
}

fn profile(free_tier: bool, items: &[Value]) -> Profile {
    let text = json!({"month": "2026-10", "free_tier": free_tier, "items": items});
    text.to_string().parse().unwrap()
}

fn priced(free_tier: bool, items: &[Value]) -> Simulation {
    simulate(&profile(free_tier, items), &book()).unwrap()
}

/// `sku tier quantity unit_price amount` of each line.
fn lines(simulation: &Simulation) -> Vec<String> {
    let line = |line: &super::SimulatedLine| {
        format!(
            "{} {} {} {} {}",
            line.sku, line.tier, line.quantity, line.unit_price, line.amount
        )
    };
    simulation.lines.iter().map(line).collect()
}

/// The sum of a SKU's lines, as the golden cases have one line per SKU.
fn amount_of(simulation: &Simulation, sku: &str) -> i64 {
    let of = simulation.lines.iter().filter(|line| line.sku == sku);
    of.map(|line| line.amount.replace('.', "").parse::<i64>().unwrap())
        .sum()
}

fn sku(name: &str, quantity: &str) -> Value {
    json!({"kind": "sku", "region": "us-east-1", "sku": name, "quantity": quantity})
}

/// The items of a published bill.
fn items(case: &Value) -> Vec<Value> {
    let with = |kind: &str, more: &Value| {
        let mut item = json!({"kind": kind, "region": case["region"], "arch": case["arch"], "memory_mb": case["memory_mb"]});
        for name in [
            "invocations",
            "billed_ms",
            "ephemeral_mb",
            "concurrency",
            "hours",
        ] {
            if let Some(value) = more.get(name) {
                item[name] = value.clone();
            }
        }
        item
    };
    let mut items = vec![with("function", case.get("on_demand").unwrap_or(case))];
    items.extend(
        case.get("provisioned")
            .map(|more| with("provisioned", more)),
    );
    if let Some(streaming) = case.get("streaming") {
        let number = |name: &str| streaming[name].as_i64().unwrap();
        let mb = number("responses") * (number("mb_each") - number("free_mb_each"));
        // The published amount takes the month's free GBs for used up: they come on top here.
        let mb = mb + number("free_gb_month") * 1_024;
        let gb = crate::bill::money::exact(mb.into(), 1_024);
        items.push(sku("streaming-response", &gb));
    }
    items
}

#[test]
fn published_monthly_bills() {
    let golden: Value = serde_json::from_str(GOLDEN).unwrap();
    let cases = golden["monthly_bills"].as_array().unwrap();
    assert_eq!(cases.len(), 6);
    for case in cases {
        let bill = priced(case["free_tier"] == true, &items(case));
        assert_eq!(bill.total, case["total"].as_str().unwrap(), "{case}");
        let arch = case["arch"].as_str().unwrap();
        for (name, amount) in case["lines"].as_object().unwrap() {
            let sku = match name.as_str() {
                "duration" => format!("duration-{arch}"),
                "provisioned" => format!("provisioned-{arch}"),
                "provisioned_duration" => format!("provisioned-duration-{arch}"),
                "ephemeral_storage" => "ephemeral-storage".to_owned(),
                "streaming" => "streaming-response".to_owned(),
                other => other.to_owned(),
            };
            let cents: i64 = amount.as_str().unwrap().replace('.', "").parse().unwrap();
            assert_eq!(amount_of(&bill, &sku), cents, "{name} of {case}");
        }
    }
}

#[test]
fn volume_tiers_and_their_boundaries() {
    let golden: Value = serde_json::from_str(GOLDEN).unwrap();
    for case in golden["tiers"].as_array().unwrap() {
        let duration = format!("duration-{}", case["arch"].as_str().unwrap());
        let items = [
            sku(&duration, case["gb_seconds"].as_str().unwrap()),
            sku("requests", &case["invocations"].to_string()),
        ];
        let bill = priced(false, &items);
        let of = bill.lines.iter().filter(|line| line.sku == duration);
        let amounts: Vec<_> = of.map(|line| json!(line.amount)).collect();
        assert_eq!(json!(amounts), case["duration_lines"], "{case}");
        assert_eq!(json!(bill.total), case["total_with_requests"], "{case}");
    }
    for case in golden["tier_boundaries_exact"].as_array().unwrap() {
        let duration = format!("duration-{}", case["arch"].as_str().unwrap());
        let items = [sku(&duration, case["gb_seconds"].as_str().unwrap())];
        let charged = statement(&profile(false, &items), &book()).unwrap();
        let amount = crate::bill::money::fixed(charged.unwrap().accrued_e10(), 10);
        assert_eq!(json!(amount), case["amount"], "{case}");
    }
}

/// Golden case P2, and P1 by a book whose price changes in the month.
#[test]
fn items_have_their_moments() {
    let item = |region: &str, sku: &str, quantity: &str, at: &str| json!({"kind": "sku", "region": region, "sku": sku, "quantity": quantity, "at": at});
    let us = item("us-east-1", "duration-x86_64", "300000", "2026-10-02");
    let eu = item(
        "eu-central-1",
        "duration-arm64",
        "200000",
        "2026-10-02T05:30:00+01:00",
    );
    assert_eq!(priced(true, &[eu.clone(), us]).total, "1.33");
    let earlier = item(
        "us-east-1",
        "duration-x86_64",
        "300000",
        "2026-10-02T09:00:00Z",
    );
    assert_eq!(
        lines(&priced(true, &[earlier, eu])),
        [
            "duration-arm64 free 200000 0.0000133334 0.00",
            "duration-x86_64 free 200000 0.0000166667 0.00",
            "duration-x86_64 1 100000 0.0000166667 1.67",
        ]
    );
    let header = BOOK.lines().next().unwrap();
    let text = format!(
        "{header}\n\
        ap-northeast-3,duration-x86_64,USD,GB-second,0,,0.0000215300,2026-01-01,t\n\
        ap-northeast-3,duration-x86_64,USD,GB-second,0,,0.0000166667,2026-10-15,t\n"
    );
    let of = |at| item("ap-northeast-3", "duration-x86_64", "1000000", at);
    let profile = profile(false, &[of("2026-10-14"), of("2026-10-15T00:00:00Z")]);
    let bill = simulate(&profile, &Book::parse(&text).unwrap()).unwrap();
    assert_eq!(bill.total, "38.20");
}

#[test]
fn the_answer_has_exactly_these_fields() {
    let run = json!({"kind": "function", "region": "us-east-1", "memory_mb": 1536, "invocations": 3_000_000, "billed_ms": 120});
    let bill = serde_json::to_string(&priced(true, &[run])).unwrap();
    let want = concat!(
        r#"{"lines":["#,
        r#"{"region":"us-east-1","sku":"requests","tier":"free","quantity":"1000000","#,
        r#""unit_price":"0.0000002","amount":"0.00"},"#,
        r#"{"region":"us-east-1","sku":"requests","tier":"1","quantity":"2000000","#,
        r#""unit_price":"0.0000002","amount":"0.40"},"#,
        r#"{"region":"us-east-1","sku":"duration-x86_64","tier":"free","quantity":"400000","#,
        r#""unit_price":"0.0000166667","amount":"0.00"},"#,
        r#"{"region":"us-east-1","sku":"duration-x86_64","tier":"1","quantity":"140000","#,
        r#""unit_price":"0.0000166667","amount":"2.33"}],"#,
        r#""currency":"USD","total":"2.73"}"#
    );
    assert_eq!(bill, want);
    let nothing = simulate(
        &r#"{"month":"2026-10","items":[]}"#.parse().unwrap(),
        &book(),
    );
    let nothing = serde_json::to_string(&nothing.unwrap()).unwrap();
    assert!(
        nothing.starts_with(r#"{"lines":[],"currency":""#),
        "{nothing}"
    );
    assert!(nothing.ends_with(r#""total":"0.00"}"#), "{nothing}");
}

#[test]
fn time_is_rounded_up() {
    let provisioned = |hours: Value| {
        let item = json!({"kind": "provisioned", "region": "us-east-1", "memory_mb": 1024, "concurrency": 1, "hours": hours});
        priced(true, &[item]).lines[0].quantity.clone()
    };
    assert_eq!(provisioned(json!(8)), "28800");
    // Six minutes are two steps of five.
    assert_eq!(provisioned(json!(0.1)), "600");
    assert_eq!(provisioned(json!("0.0000001")), "300");
    let run = |billed_ms: Value, book: &Book| {
        let item = json!({"kind": "function", "region": "us-east-1", "memory_mb": 1024, "invocations": 1000,
            "billed_ms": billed_ms});
        let bill = simulate(&profile(false, &[item]), book).unwrap();
        bill.lines[1].quantity.clone()
    };
    assert_eq!(run(json!(27.55), &book()), "28");
    let header = BOOK.lines().next().unwrap();
    let coarse = format!(
        "{header},duration_step_ms\n\
        us-east-1,duration-x86_64,USD,GB-second,0,,0.0000166667,2014-11-01,t,100\n\
        us-east-1,requests,USD,1000000 requests,0,,0.20,2014-11-01,t,\n"
    );
    let coarse = Book::parse(&coarse).unwrap();
    assert_eq!(run(json!(27), &coarse), "100");
    assert_eq!(run(json!("100.01"), &coarse), "200");
}

#[test]
fn large_events_are_several_requests() {
    let requests = |kb: u32| {
        let item = json!({"kind": "function", "region": "us-east-1", "memory_mb": 128, "invocations": 10, "billed_ms": 1,
            "async_event_kb": kb});
        priced(false, &[item]).lines[0].quantity.clone()
    };
    let quantities = [0, 1, 256, 257, 320, 321, 1_024].map(requests);
    assert_eq!(quantities, ["10", "10", "10", "20", "20", "30", "130"]);
}

fn check_refused(text: &str, want: &str) {
    let bill = text
        .parse::<Profile>()
        .and_then(|profile| simulate(&profile, &book()));
    let error = bill.unwrap_err().to_string();
    assert!(error.contains(want), "{error}\ndoes not say\n{want}");
}

fn check_items_refused(items: &str, want: &str) {
    check_refused(&format!(r#"{{"month":"2026-10","items":[{items}]}}"#), want);
}

const ONE_REQUEST: &str = r#"{"kind":"sku","region":"us-east-1","sku":"requests","quantity":"1"}"#;

#[test]
fn a_profile_that_is_none_is_said_with_its_item() {
    check_refused("[]", "the profile cannot be read");
    check_refused(r#"{"month":"2026-10"}"#, "missing field `items`");
    check_refused(r#"{"month":"2026-13","items":[]}"#, "a month looks like");
    check_refused(
        r#"{"month":"2026-10","items":[],"free":true}"#,
        "unknown field `free`",
    );
    check_items_refused(
        &format!(r#"{ONE_REQUEST},{{"kind":"lambda"}}"#),
        "item 2: unknown variant `lambda`, expected one of `function`, `provisioned`, `sku`",
    );
    check_items_refused(r#"{"region":"us-east-1"}"#, "item 1: missing field `kind`");
    let function = |more: &str| {
        format!(
            r#"{{"kind":"function","region":"us-east-1","invocations":1,"billed_ms":1,{more}}}"#
        )
    };
    check_items_refused(
        &function(r#""memory_mb":127"#),
        "item 1: memory_mb must be from 128 to 10240, got 127",
    );
    check_items_refused(
        &function(r#""memory_mb":128,"ephemeral_mb":10241"#),
        "ephemeral_mb must be from 512 to 10240",
    );
    check_items_refused(
        &function(r#""memory_mb":128,"memory":1"#),
        "item 1: unknown field `memory`",
    );
    check_items_refused(
        &function(r#""memory_mb":128,"arch":"arm""#),
        "item 1: unknown variant `arm`",
    );
    check_items_refused(
        &function(r#""memory_mb":128,"at":"2026-11-01""#),
        "at must lie in 2026-10",
    );
    check_items_refused(
        &function(r#""memory_mb":128,"async_event_kb":1025"#),
        "async_event_kb must be from 0 to 1024",
    );
}

#[test]
fn what_cannot_be_priced_is_said_with_its_item() {
    let of = |region: &str, sku: &str, quantity: &str| {
        format!(r#"{{"kind":"sku","region":"{region}","sku":"{sku}","quantity":{quantity}}}"#)
    };
    check_items_refused(
        &of("us-east-1", "gold", "\"1\""),
        "\"gold\" is not a known SKU",
    );
    check_items_refused(
        &of("mars-north-1", "requests", "\"1\""),
        "item 1: the price book has no prices for region mars-north-1",
    );
    check_items_refused(
        &of("il-central-1", "ephemeral-storage", "\"1\""),
        "item 1: the price book has no price for ephemeral-storage in il-central-1 on 2026-10-01",
    );
    check_items_refused(
        &of("us-east-1", "requests", "\"-1\""),
        "must not be negative",
    );
    check_items_refused(
        &of("us-east-1", "requests", "\"many\""),
        "\"many\" is not a number",
    );
    check_items_refused(&of("us-east-1", "requests", "true"), "true is not a number");
    check_items_refused(
        &of("us-east-1", "requests", "\"0.5\""),
        "0.5 Requests is not a whole number of requests: the nearest that are have 0 and 1",
    );
    check_items_refused(
        &of("us-east-1", "duration-x86_64", "\"0.0001\""),
        "not a whole number of MB·ms: the nearest that are have 0.000099609375 and 0.0001005859375",
    );
    check_items_refused(
        &of("us-east-1", "requests", "\"79228162514264337593543950335\""),
        "item 1: its numbers are too large",
    );
    check_items_refused(
        &of("us-east-1", "data-transfer-out", "\"9000000000000000000\""),
        "out of range",
    );
    check_items_refused(
        &format!("{ONE_REQUEST},{}", of("cn-north-1", "requests", "\"1\"")),
        "priced in CNY and USD, which have no common total",
    );
}

proptest! {
    /// However a month is described, it costs the same, and its lines add up to its total.
    #[test]
    fn a_month_costs_the_same_in_one_item_or_two(
        first in 0_u64..3_000_000_000, second in 0_u64..3_000_000_000, billed_ms in 1_u32..900_000, memory_mb in 128_u32..=10_240,
        free_tier: bool,
    ) {
        let item = |invocations: u64| json!({"kind": "function", "region": "us-east-1", "memory_mb": memory_mb,
            "ephemeral_mb": 1_024, "invocations": invocations, "billed_ms": billed_ms});
        let two = priced(free_tier, &[item(first), item(second)]);
        let one = priced(free_tier, &[item(first + second)]);
        prop_assert_eq!(&two, &one);
        let cents = |text: &str| text.replace('.', "").parse::<i128>().unwrap();
        prop_assert_eq!(one.lines.iter().map(|line| cents(&line.amount)).sum::<i128>(), cents(&one.total));
    }
}
