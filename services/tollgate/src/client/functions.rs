//! `tollgate functions`.

use anyhow::Result;
use http::Method;
use serde_json::Value;

use super::endpoint::Endpoint;
use super::output::print;
use crate::args::Client;
use crate::settings::percent_encoded;

pub(crate) async fn run(args: Client) -> Result<()> {
    let endpoint = Endpoint::choose(&args)?;
    let functions = list(&endpoint).await?;
    if functions.is_empty() {
        eprintln!(
            "No functions in {} yet: make one with `tollgate deploy DIR`.",
            endpoint.region
        );
        return Ok(());
    }
    print(table(&functions).as_bytes())
}

async fn list(endpoint: &Endpoint) -> Result<Vec<Value>> {
    let mut all = Vec::new();
    let mut marker = None;
    loop {
        let query = marker.map_or_else(String::new, |marker: String| {
            format!("?Marker={}", percent_encoded(&marker))
        });
        let path = format!("/2015-03-31/functions/{query}");
        let mut page = endpoint.lambda(Method::GET, path, &Value::Null).await?;
        if let Some(Value::Array(functions)) = page.get_mut("Functions").map(Value::take) {
            all.extend(functions);
        }
        match page.get("NextMarker").and_then(Value::as_str) {
            Some(next) if !next.is_empty() => marker = Some(next.to_owned()),
            _ => return Ok(all),
        }
    }
}

fn table(functions: &[Value]) -> String {
    let rows = functions.iter().map(|function| {
        let text = |name: &str| function[name].as_str().unwrap_or("-").to_owned();
        let number = |name: &str| function[name].as_i64().unwrap_or_default();
        vec![
            text("FunctionName"),
            text("Runtime"),
            format!("{} MB", number("MemorySize")),
            format!("{} s", number("Timeout")),
            size(number("CodeSize")),
            text("LastModified")
                .replace('T', " ")
                .chars()
                .take(19)
                .collect(),
        ]
    });
    let header = [
        "NAME",
        "RUNTIME",
        "MEMORY",
        "TIMEOUT",
        "CODE",
        "MODIFIED (UTC)",
    ];
    super::table::table(&header, rows.collect(), &[2, 3, 4])
}

fn size(bytes: i64) -> String {
    match bytes {
        0..1_024 => format!("{bytes} B"),
        1_024..1_048_576 => format!("{} KB", bytes / 1_024),
        _ => format!("{} MB", bytes / 1_048_576),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_table_of_functions() {
        let function = |name: &str, code: i64| {
            json!({
                "FunctionName": name, "Runtime": "python3.11", "MemorySize": 128, "Timeout": 3, "CodeSize": code,
                "LastModified": "2026-11-23T10:31:22.000+0000",
            })
        };
        let text = table(&[function("hello", 312), function("a-longer-name", 3 << 20)]);
        let expected = "\
NAME           RUNTIME     MEMORY  TIMEOUT   CODE  MODIFIED (UTC)
hello          python3.11  128 MB      3 s  312 B  2026-11-23 10:31:22
a-longer-name  python3.11  128 MB      3 s   3 MB  2026-11-23 10:31:22";
        assert_eq!(text, expected);
    }
}
