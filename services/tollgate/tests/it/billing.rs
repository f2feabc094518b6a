//! Invoices of a running platform: from executions over a draft to an invoice that is explained by them.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::bed::{Bed, TOLLGATE};
use crate::faults::wait_until;

fn json(bed: &Bed, words: &[&str]) -> Value {
    let text = bed.operator(&[words, &["--json"]].concat());
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{words:?}: {error}: {text}"))
}

/// What a command that must fail says.
fn refused(bed: &Bed, words: &[&str]) -> String {
    let output = Command::new(TOLLGATE)
        .args(words)
        .arg("--data-dir")
        .arg(&bed.data_dir)
        .output()
        .expect("tollgate runs");
    assert_eq!(output.status.code(), Some(1), "{words:?}");
    String::from_utf8_lossy(&output.stderr)
        .trim_end()
        .to_owned()
}

/// The invoice line of a SKU and its number.
fn line<'a>(document: &'a Value, sku: &str) -> &'a Value {
    let lines = document["lines"].as_array().expect("lines");
    let found = lines.iter().find(|line| line["sku"] == sku);
    found.unwrap_or_else(|| panic!("no line of {sku} in {document}"))
}

/// A line of duration is explained by the three executions.
fn explained_by_executions(bed: &Bed, duration: &Value) {
    let number = duration["line_no"].to_string();
    let explained = json(bed, &["billing", "explain", "AC-000001", &number]);
    assert_eq!(explained["quantity"], duration["quantity"]);
    let hours = explained["hours"].as_array().expect("hours");
    let executions = hours
        .iter()
        .map(|hour| hour["executions"].as_array().map_or(0, Vec::len));
    assert_eq!(executions.sum::<usize>(), 3, "{explained}");
    assert!(
        hours
            .iter()
            .all(|hour| hour["log_quantity"] == hour["metered"]),
        "{explained}"
    );
}

const FIRST: &str = "000000000000";

/// A platform on which the first account's function has run three times; and the draft that shows it.
fn used() -> (Bed, Value) {
    let bed = Bed::own_with(&[
        ("TOLLGATE_DEV_CLOCK", "true"),
        ("TOLLGATE_BILLING_ISSUER_NAME", "Ada's Cloud"),
        ("TOLLGATE_BILLING_NUMBER_PREFIX", "AC-"),
    ]);
    let hello = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/hello");
    bed.operator(&["deploy", hello.to_str().expect("UTF-8")]);
    for _ in 0..3 {
        bed.operator(&["invoke", "hello"]);
    }
    let customer = ["--name", "Babbage", "--tax", "VAT=20"];
    bed.operator(&[&["customers", "set", FIRST], customer.as_slice()].concat());
    wait_until("the executions are in the draft", || {
        let draft = json(&bed, &["billing", "draft"]);
        draft[0]["lines"].is_array() && line(&draft[0], "requests")["quantity"] == "3"
    });
    let draft = json(&bed, &["billing", "draft"])[0].take();
    (bed, draft)
}

#[test]
fn a_month_becomes_an_invoice() {
    let (bed, draft) = used();
    assert_eq!(
        (&draft["number"], &draft["customer"]["name"]),
        (&Value::Null, &"Babbage".into())
    );
    let credit = [
        "billing",
        "credit",
        FIRST,
        "--amount",
        "7.50",
        "--reference",
        "first",
    ];
    bed.operator(&credit);
    let again = bed.operator(&credit);
    assert_eq!(
        again.trim_end(),
        "Booked before. 000000000000 has 7.50 USD to their credit."
    );

    // A month and a day go by.
    let month = draft["period_start"].as_str().expect("a day")[..7].to_owned();
    let early = refused(&bed, &["billing", "close", "--month", &month]);
    assert!(early.contains("is not closed before"), "{early}");
    bed.operator(&["clock", "advance", "35d"]);
    wait_until("the month is closed", || {
        json(&bed, &["billing", "invoices", "--month", &month])[0]["number"] == "AC-000001"
    });
    let invoice = json(&bed, &["billing", "show", "AC-000001"]);
    assert_eq!(invoice["issuer"]["name"], "Ada's Cloud");
    // The executor was asked to catch up with the clock before the month was closed.
    assert_eq!(invoice["notes"], Value::Array(Vec::new()));
    assert_eq!(line(&invoice, "requests")["quantity"], "3");
    let duration = line(&invoice, "duration-x86_64");
    assert_eq!(
        duration["quantity"],
        line(&draft, "duration-x86_64")["quantity"]
    );
    let shown = bed.operator(&["billing", "show", "AC-000001"]);
    assert!(
        // Numbers and their units do not part: the spaces between them are hard ones.
        shown.contains("Babbage") && shown.contains("VAT 20\u{a0}%"),
        "{shown}"
    );
    explained_by_executions(&bed, duration);

    let verified = json(&bed, &["ledger", "verify"]);
    assert_eq!(verified["holds"], true, "{verified}");
    assert_eq!(
        refused(&bed, &["billing", "pay", "AC-000001", "--amount", "1"]),
        "tollgate: Of AC-000001 only 0.00 USD is open. Book what is paid beyond it as credit: `tollgate billing credit \
         000000000000 --amount ...`."
    );
    assert_eq!(
        refused(&bed, &["billing", "show", "AC-000002"]),
        "tollgate: There is no invoice AC-000002: see `tollgate billing invoices`."
    );
    let executors = json(&bed, &["billing", "executors"]);
    assert_eq!(executors.as_array().map(Vec::len), Some(1), "{executors}");
}
