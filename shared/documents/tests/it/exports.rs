//! FOCUS and CUR: what is in the table, and that CSV and Parquet hold the same.

use std::collections::BTreeMap;

use documents::export::Bill;
use documents::{Encoding, cur, focus};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, RowAccessor};

use crate::samples::{self, Sample};

type Row = BTreeMap<String, String>;

/// The 21 columns that FOCUS 1.2 makes mandatory, and the conditional and recommended ones that apply here.
const FOCUS: &str = "BilledCost BillingAccountId BillingAccountName BillingCurrency BillingPeriodStart BillingPeriodEnd \
    ChargeCategory ChargeClass ChargeDescription ChargePeriodStart ChargePeriodEnd ContractedCost \
    EffectiveCost InvoiceIssuerName ListCost PricingQuantity PricingUnit ProviderName PublisherName \
    ServiceCategory ServiceName ConsumedQuantity ConsumedUnit ListUnitPrice ContractedUnitPrice \
    PricingCategory RegionId RegionName ResourceId ResourceName ResourceType SkuId SkuPriceId SkuMeter \
    SkuPriceDetails SubAccountId SubAccountName Tags ChargeFrequency InvoiceId ServiceSubcategory";

fn csv_rows(bytes: &[u8]) -> Vec<Row> {
    csv::Reader::from_reader(bytes)
        .deserialize()
        .map(|row| row.expect("a row"))
        .collect()
}

fn focus_rows(sample: &Sample) -> Vec<Row> {
    let mut bytes = Vec::new();
    focus::write(Encoding::Csv, [&sample.bill()], &mut bytes).expect("written");
    csv_rows(&bytes)
}

fn cur_rows(sample: &Sample) -> Vec<Row> {
    let mut bytes = Vec::new();
    cur::write(Encoding::Csv, [&sample.bill()], &mut bytes).expect("written");
    csv_rows(&bytes)
}

/// A decimal text at so many digits; it must not have more.
fn number(text: &str, digits: usize) -> i128 {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    assert!(rest.len() <= digits, "{text}");
    format!("{whole}{rest:0<digits$}")
        .parse()
        .expect("a number")
}

fn cost(row: &Row, column: &str) -> i128 {
    number(&row[column], 10)
}

/// Whether a price's id is that of the free tier.
fn is_free(price_id: &str) -> bool {
    price_id.rsplit('.').next() == Some("free")
}

#[test]
fn focus_has_the_columns_it_must_have() {
    let rows = focus_rows(&samples::invoice());
    let have: Vec<&str> = rows[0].keys().map(String::as_str).collect();
    let mut want: Vec<&str> = FOCUS.split_whitespace().collect();
    want.sort_unstable();
    assert_eq!(have, want);
    let nullable = "ChargeClass PricingQuantity PricingUnit";
    for row in &rows {
        for column in FOCUS.split_whitespace().take(21) {
            assert!(
                nullable.contains(column) || !row[column].is_empty(),
                "{column}"
            );
        }
    }
}

/// The promise of the format: what an invoice's rows add up to is what has to be paid.
#[test]
fn billed_cost_is_what_is_due() {
    for sample in [samples::invoice(), samples::draft(), samples::long()] {
        let rows = focus_rows(&sample);
        let billed: i128 = rows.iter().map(|row| cost(row, "BilledCost")).sum();
        assert_eq!(billed, sample.totals.due.e10());
        let invoice = sample.document.number.unwrap_or_default();
        assert!(rows.iter().all(|row| row["InvoiceId"] == invoice));
        let of = |category: &str| -> Vec<i128> {
            let rows = rows.iter().filter(|row| row["ChargeCategory"] == category);
            rows.map(|row| cost(row, "BilledCost")).collect()
        };
        assert_eq!(of("Adjustment").len(), 1);
        assert_eq!(of("Adjustment"), [number(&sample.document.rounding, 10)]);
        let taxes: Vec<i128> = sample
            .totals
            .taxes
            .iter()
            .map(|(_, tax)| tax.e10())
            .collect();
        assert_eq!(of("Tax"), taxes);
        assert_eq!(of("Credit"), [-sample.totals.credit.e10()]);
        assert_eq!(
            of("Usage").len(),
            sample.usage.len() + sample.corrections.len()
        );
    }
}

#[test]
fn costs_are_price_times_quantity() {
    let sample = samples::invoice();
    let rows = focus_rows(&sample);
    let usage = || rows.iter().filter(|row| row["ChargeCategory"] == "Usage");
    let mut free = 0;
    for (row, charge) in usage().zip(sample.usage.iter().chain(&sample.corrections)) {
        // In the charge's own integers, where nothing is rounded but the result.
        let divisor = charge.quanta_per_unit * 10_000;
        let product = charge.quantity * charge.price_e14;
        let list = (product + divisor / 2) / divisor;
        assert_eq!(cost(row, "ListCost"), list, "{row:?}");
        // And in the numbers that the row shows: price at 20 digits, quantity at 18, cut to what fits in 128 bits.
        let price = number(&row["ListUnitPrice"], 20) / 1_000;
        let quantity = number(&row["PricingQuantity"], 18) / 100_000;
        let shown = price * quantity;
        let scale = 10_i128.pow(20);
        assert!(
            (shown - list * scale).abs() <= scale / 2 + scale / 1_000,
            "{row:?}"
        );
        assert_eq!(row["ConsumedQuantity"], row["PricingQuantity"]);
        assert_eq!(cost(row, "BilledCost"), charge.amount_e10);
        assert_eq!(row["ContractedCost"], row["BilledCost"]);
        if charge.rate.tier.is_none() {
            free += 1;
            assert_eq!(
                (&*row["BilledCost"], &*row["ContractedUnitPrice"]),
                ("0", "0")
            );
            assert!(is_free(&row["SkuPriceId"]));
        } else {
            assert_eq!(row["ContractedUnitPrice"], row["ListUnitPrice"]);
        }
    }
    assert!(free > 0);
}

#[test]
fn a_row_tells_all_of_its_charge() {
    let rows = focus_rows(&samples::invoice());
    let row = &rows[2];
    for (column, want) in [
        ("BillingPeriodStart", "2026-09-01T00:00:00Z"),
        ("BillingPeriodEnd", "2026-10-01T00:00:00Z"),
        ("ChargePeriodStart", "2026-09-01T09:00:00Z"),
        ("ChargePeriodEnd", "2026-09-01T10:00:00Z"),
        ("ChargeClass", ""),
        ("ChargeFrequency", "Usage-Based"),
        ("PricingCategory", "Standard"),
        ("RegionId", "eu-central-1"),
        ("RegionName", "EU (Frankfurt)"),
        ("ServiceSubcategory", "Serverless Compute"),
        ("ResourceType", "Function"),
        ("ResourceName", "thumbnails"),
        ("SkuMeter", "Requests"),
        ("SkuId", "eu-central-1.requests"),
        ("SkuPriceId", "eu-central-1.requests.20201201.t1"),
        (
            "SkuPriceDetails",
            r#"{"x_PriceFrom":"2020-12-01","x_Sku":"requests","x_Tier":"1"}"#,
        ),
        ("Tags", "{}"),
    ] {
        assert_eq!(row[column], want, "{column}");
    }
    let tagged = rows
        .iter()
        .find(|row| row["ResourceName"] == "checkout")
        .expect("a row");
    assert_eq!(
        tagged["Tags"],
        r#"{"cost \"center\"":"=4711","team":"shop"}"#
    );
}

#[test]
fn late_usage_is_a_correction_in_its_own_month() {
    let sample = samples::invoice();
    let rows = focus_rows(&sample);
    let late: Vec<&Row> = rows
        .iter()
        .filter(|row| row["ChargeClass"] == "Correction")
        .collect();
    assert_eq!(late.len(), sample.corrections.len());
    for row in late {
        assert_eq!(row["ChargeCategory"], "Usage");
        assert!(row["ChargePeriodStart"].starts_with("2026-08-"), "{row:?}");
        assert!(
            row["BillingPeriodStart"].starts_with("2026-09-01"),
            "{row:?}"
        );
    }
}

#[test]
fn taxes_at_list_prices_are_those_of_the_list_costs() {
    let rows = focus_rows(&samples::invoice());
    let usage = rows.iter().filter(|row| row["ChargeCategory"] == "Usage");
    let list: i128 = usage.map(|row| cost(row, "ListCost")).sum();
    let tax = rows
        .iter()
        .find(|row| row["ChargeCategory"] == "Tax")
        .expect("a tax");
    assert_eq!(cost(tax, "ListCost"), (list * 23 + 50) / 100);
    assert_eq!(tax["PricingQuantity"], "");
    assert_eq!(tax["ChargeDescription"], "VAT 23 %");
}

#[test]
fn cur_names_usage_as_aws_does() {
    let rows = cur_rows(&samples::invoice());
    let mut types: Vec<&str> = rows
        .iter()
        .map(|row| row["line_item_usage_type"].as_str())
        .filter(|name| !name.is_empty())
        .collect();
    types.sort_unstable();
    types.dedup();
    assert_eq!(
        types,
        [
            "EUC1-Lambda-GB-Second",
            "EUC1-Lambda-GB-Second-ARM",
            "EUC1-Lambda-Storage-GB-Second",
            "EUC1-Request",
            "Lambda-GB-Second",
            "Lambda-GB-Second-ARM",
            "Lambda-Storage-GB-Second",
            "Lambda-Streaming-Response-Processed-Bytes",
            "Request",
            "USW2-Lambda-GB-Second",
            "USW2-Lambda-GB-Second-ARM",
            "USW2-Lambda-Storage-GB-Second",
            "USW2-Request",
        ]
    );
    let texts =
        |column: &str| -> Vec<&str> { rows.iter().map(|row| row[column].as_str()).collect() };
    let descriptions = texts("line_item_line_item_description");
    for text in [
        "AWS Lambda - Total Compute - US West (Oregon)-Tier-1",
        "AWS Lambda - Total Requests - US East (N. Virginia)",
        "AWS Lambda - Compute Free Tier - 400,000 GB-Seconds - EU (Frankfurt)",
    ] {
        assert!(descriptions.contains(&text), "{text}");
    }
    assert!(
        texts("resource_tags").contains(&r#"{"user_cost \"center\"":"=4711","user_team":"shop"}"#)
    );
    let mut ids = texts("identity_line_item_id");
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), rows.len());
}

/// The doubles of CUR are the nearest ones to the exact costs, and come back as what they were.
#[test]
fn cur_costs_are_the_charges() {
    let sample = samples::invoice();
    let rows = cur_rows(&sample);
    let costs = || {
        rows.iter()
            .map(|row| number(&row["line_item_unblended_cost"], 10))
    };
    for (cost, charge) in costs().zip(sample.usage.iter().chain(&sample.corrections)) {
        assert_eq!(cost, charge.amount_e10);
    }
    assert_eq!(costs().sum::<i128>(), sample.totals.due.e10());
    for row in rows.iter().filter(|row| is_free(&row["pricing_rate_code"])) {
        assert_eq!(row["line_item_unblended_rate"], "0");
        assert_eq!(row["line_item_unblended_cost"], "0");
    }
}

#[test]
fn spreadsheets_find_no_formula_in_exports() {
    let mut sample = samples::draft();
    sample.document.customer.name = "=HYPERLINK(\"http://x\")".to_owned();
    let rows = focus_rows(&sample);
    assert_eq!(rows[0]["BillingAccountName"], "'=HYPERLINK(\"http://x\")");
    // Costs below zero are numbers.
    assert!(rows.iter().any(|row| row["BilledCost"] == "-25"));
}

/// A field as CSV writes it.
fn shown(field: &Field) -> String {
    match field {
        Field::Null => String::new(),
        Field::Str(text) => text.clone(),
        Field::Double(number) => number.to_string(),
        Field::TimestampMillis(at) => chrono::DateTime::from_timestamp_millis(*at)
            .expect("a time")
            .to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        Field::Decimal(decimal) => {
            let bytes: [u8; 16] = decimal.data().try_into().expect("16 bytes");
            let number = i128::from_be_bytes(bytes);
            let digits = usize::try_from(decimal.scale()).expect("digits");
            assert_eq!(decimal.precision(), 38);
            let sign = if number < 0 { "-" } else { "" };
            let text = format!("{:0>width$}", number.unsigned_abs(), width = digits + 1);
            let (whole, rest) = text.split_at(text.len() - digits);
            let text = format!("{sign}{whole}.{rest}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        Field::MapInternal(map) => {
            let entries = map
                .entries()
                .iter()
                .map(|(key, value)| (shown(key), serde_json::Value::from(shown(value))));
            serde_json::Value::Object(entries.collect()).to_string()
        }
        other => panic!("{other:?} in an export"),
    }
}

fn parquet_rows(bytes: Vec<u8>) -> Vec<Row> {
    let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).expect("a Parquet file");
    reader
        .get_row_iter(None)
        .expect("rows")
        .map(|row| {
            let row = row.expect("a row");
            assert!(row.len() > 30 && row.get_string(1).is_ok());
            row.get_column_iter()
                .map(|(name, field)| (name.clone(), shown(field)))
                .collect()
        })
        .collect()
}

#[test]
fn parquet_holds_what_csv_does() {
    for sample in [samples::invoice(), samples::draft()] {
        let bill = sample.bill();
        let written = |write: &dyn Fn(Encoding, &mut Vec<u8>)| {
            let (mut csv, mut parquet) = (Vec::new(), Vec::new());
            write(Encoding::Csv, &mut csv);
            write(Encoding::Parquet, &mut parquet);
            (csv_rows(&csv), parquet_rows(parquet))
        };
        let (csv, parquet) = written(&|encoding, out| {
            focus::write(encoding, [&bill], out).expect("written");
        });
        assert!(csv == parquet, "FOCUS: {:?} {:?}", csv[0], parquet[0]);
        let (csv, parquet) = written(&|encoding, out| {
            cur::write(encoding, [&bill], out).expect("written");
        });
        assert!(csv == parquet, "CUR: {:?} {:?}", csv[0], parquet[0]);
    }
}

/// More rows than are held in memory at once, of many accounts.
#[test]
fn large_exports_have_several_row_groups() {
    let sample = samples::long();
    let bill = sample.bill();
    let bills: Vec<Bill<'_>> = (0..14).map(|_| bill).collect();
    let mut bytes = Vec::new();
    focus::write(Encoding::Parquet, &bills, &mut bytes).expect("written");
    let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).expect("a Parquet file");
    let metadata = reader.metadata();
    let rows = focus_rows(&sample).len() * 14;
    assert_eq!(
        metadata.file_metadata().num_rows(),
        i64::try_from(rows).expect("rows")
    );
    assert_eq!(metadata.num_row_groups(), rows.div_ceil(32 * 1024));
    assert!(metadata.num_row_groups() > 1, "{rows}");
}

#[test]
fn an_export_of_nothing_is_a_table() {
    let none: [&Bill<'_>; 0] = [];
    let mut csv = Vec::new();
    focus::write(Encoding::Csv, none, &mut csv).expect("written");
    let csv = String::from_utf8(csv).expect("UTF-8");
    assert_eq!(csv.lines().count(), 1);
    let mut parquet = Vec::new();
    cur::write(Encoding::Parquet, none, &mut parquet).expect("written");
    assert!(parquet_rows(parquet).is_empty());
}

#[test]
fn exports_are_the_same_again() {
    let sample = samples::invoice();
    for encoding in [Encoding::Csv, Encoding::Parquet] {
        let once = || {
            let mut bytes = Vec::new();
            focus::write(encoding, [&sample.bill()], &mut bytes).expect("written");
            cur::write(encoding, [&sample.bill()], &mut bytes).expect("written");
            bytes
        };
        assert_eq!(once(), once());
        assert!(encoding.media_type().contains(encoding.extension()));
    }
}
