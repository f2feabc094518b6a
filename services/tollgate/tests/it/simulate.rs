//! `tollgate billing simulate` at the real binary, which needs nothing that runs. The rest of the bill: `clients/billing.py`.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::bed::{TOLLGATE, text_of};

/// Simulates a profile from standard input, in an empty environment and directory.
fn simulate(profile: &Value, words: &[&str]) -> Output {
    let work = tempfile::tempdir().expect("a directory");
    let mut child = Command::new(TOLLGATE)
        .args(["billing", "simulate", "--profile", "-"])
        .args(words)
        .current_dir(work.path())
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("tollgate runs");
    let mut stdin = child.stdin.take().expect("piped");
    stdin
        .write_all(profile.to_string().as_bytes())
        .expect("it reads");
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

fn bill(free_tier: bool, items: &Value) -> Value {
    let profile = json!({"month": "2026-10", "free_tier": free_tier, "items": items});
    let output = simulate(&profile, &["--json"]);
    serde_json::from_str(&text_of(&output, "simulate")).expect("JSON")
}

fn function(memory_mb: u32, ephemeral_mb: u32, invocations: u64, billed_ms: u32) -> Value {
    json!({"kind": "function", "region": "us-east-1", "arch": "x86_64", "memory_mb": memory_mb, "ephemeral_mb": ephemeral_mb,
        "invocations": invocations, "billed_ms": billed_ms})
}

#[test]
fn published_bills_come_out() {
    let a1 = bill(true, &json!([function(1_536, 512, 3_000_000, 120)]));
    let line = |tier: &str, sku: &str, quantity: &str, unit_price: &str, amount: &str| {
        json!({"region": "us-east-1", "sku": sku, "tier": tier, "quantity": quantity, "unit_price": unit_price,
            "amount": amount})
    };
    assert_eq!(
        a1,
        json!({"lines": [
            line("free", "requests", "1000000", "0.0000002", "0.00"),
            line("1", "requests", "2000000", "0.0000002", "0.40"),
            line("free", "duration-x86_64", "400000", "0.0000166667", "0.00"),
            line("1", "duration-x86_64", "140000", "0.0000166667", "2.33"),
        ], "currency": "USD", "total": "2.73"})
    );
    let a3 = bill(true, &json!([function(4_096, 2_048, 6_000_000, 280)]));
    assert_eq!(a3["total"], "106.41");
    let provisioned = json!({"kind": "provisioned", "region": "us-east-1", "arch": "x86_64", "memory_mb": 1_536,
        "concurrency": 100, "hours": 8, "invocations": 500_000, "billed_ms": 100});
    let a4 = bill(
        true,
        &json!([provisioned, function(1_536, 512, 2_500_000, 120)]),
    );
    assert_eq!(a4["total"], "19.96");
    let sku = |sku: &str, quantity: &str| json!({"kind": "sku", "region": "us-east-1", "sku": sku, "quantity": quantity});
    let b3 = bill(
        false,
        &json!([
            sku("duration-x86_64", "9216000000"),
            sku("requests", "9000000000")
        ]),
    );
    assert_eq!(b3["total"], "150040.20");
}

#[test]
fn people_read_a_table() {
    let profile = json!({"month": "2026-10", "items": [function(1_536, 512, 3_000_000, 120)]});
    let text = text_of(&simulate(&profile, &[]), "simulate");
    let expected = "\
REGION     SKU              TIER  QUANTITY  UNIT               PRICE  AMOUNT (USD)
us-east-1  requests         free   1000000  Requests       0.0000002          0.00
us-east-1  requests         1      2000000  Requests       0.0000002          0.40
us-east-1  duration-x86_64  free    400000  GB-Seconds  0.0000166667          0.00
us-east-1  duration-x86_64  1       140000  GB-Seconds  0.0000166667          2.33
TOTAL                                                                         2.73
";
    assert_eq!(text, expected);
}

#[test]
fn what_cannot_be_priced_is_said_in_a_sentence() {
    let check = |profile: &Value, words: &[&str], expected: &str| {
        let output = simulate(profile, words);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(text.trim_end(), format!("tollgate: {expected}"));
        assert_eq!(output.status.code(), Some(1));
        assert!(output.stdout.is_empty());
    };
    let mut mars = function(128, 512, 1, 1);
    mars["region"] = json!("mars-north-1");
    check(
        &json!({"month": "2026-10", "items": [function(128, 512, 1, 1), mars]}),
        &["--json"],
        "The profile cannot be priced: item 2: the price book has no prices for region mars-north-1",
    );
    check(
        &json!({"month": "2026-10", "items": [function(64, 512, 1, 1)]}),
        &[],
        "The profile cannot be priced: item 1: memory_mb must be from 128 to 10240, got 64",
    );
    check(
        &json!({"month": "2026-10", "items": []}),
        &["--book-file", "none.csv"],
        "none.csv cannot be read: No such file or directory (os error 2)",
    );
    // A book by its name is the installation's.
    let output = simulate(
        &json!({"month": "2026-10", "items": []}),
        &["--book", "house"],
    );
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.starts_with("tollgate: No Tollgate runs on "), "{text}");
    assert_eq!(output.status.code(), Some(1));
}
