//! Static tables: `<service>/schema.rs`.

use std::fmt::Write as _;

use anyhow::{Result, bail, ensure};

use crate::config::{Config, Service};
use crate::model::{Operation, Reference, Shape};
use crate::names;
use crate::pattern;
use crate::reach::{Reach, part};

/// The source of the service's tables.
pub(crate) fn source(config: &Config, service: &Service, reach: &Reach<'_>) -> Result<String> {
    let mut source = format!(
        "//! Tables of `{}`.\n\nuse crate::schema::*;\n\n",
        service.name
    );
    write_service(&mut source, service, reach)?;
    for (name, operation) in &reach.operations {
        writeln!(
            source,
            "pub(super) static {}: OperationSchema = {};\n",
            names::table(name),
            operation_table(reach, name, operation, true)?
        )?;
    }
    for (name, shape) in &reach.shapes {
        let table = shape_table(config, service, reach, name, shape)?;
        writeln!(source, "static {}: Shape = {table};\n", names::table(name))?;
    }
    imported(&source)
}

/// Replaces the placeholder `use crate::schema::*` by the names that the tables use.
fn imported(source: &str) -> Result<String> {
    let used: Vec<_> = [
        "ErrorSchema",
        "Length",
        "Location",
        "Member",
        "OperationSchema",
        "Pattern",
        "Protocol",
        "Range",
        "ServiceSchema",
        "Shape",
    ]
    .into_iter()
    .filter(|name| source.contains(&format!("{name}::")) || source.contains(&format!("{name} ")))
    .collect();
    ensure!(!used.is_empty(), "the tables are empty");
    Ok(source.replacen("schema::*", &format!("schema::{{{}}}", used.join(", ")), 1))
}

fn write_service(out: &mut String, service: &Service, reach: &Reach<'_>) -> Result<()> {
    let metadata = &reach.model.metadata;
    let protocol = match (metadata.protocol.as_str(), metadata.json_version.as_deref()) {
        ("rest-json", _) => "RestJson1",
        ("json", Some("1.0")) => "AwsJson10",
        ("json", _) => "AwsJson11",
        ("query", _) => "AwsQuery",
        (other, _) => bail!("unknown protocol {other}"),
    };
    let target = metadata
        .target_prefix
        .as_ref()
        .or(metadata.xml_namespace.as_ref());
    writeln!(
        out,
        "/// The service as its model describes it.\n\
         pub static SERVICE: ServiceSchema = ServiceSchema {{\n\
         signing_name: {:?},\nprotocol: Protocol::{protocol},\ntarget: {:?},\napi_version: {:?},\n\
         invalid: {:?},\noperations: OPERATIONS,\nerrors: ERRORS,\n}};\n",
        metadata
            .signing_name
            .as_ref()
            .unwrap_or(&metadata.endpoint_prefix),
        target.map_or("", String::as_str),
        metadata.api_version,
        service.invalid,
    )?;
    let mut operations: Vec<_> = reach.model.operations.0.iter().collect();
    operations.sort_by_key(|(name, _)| name);
    writeln!(out, "static OPERATIONS: &[&OperationSchema] = &[")?;
    for (name, operation) in operations {
        if reach.operations.iter().any(|(listed, _)| listed == name) {
            writeln!(out, "&{},", names::table(name))?;
        } else {
            writeln!(out, "&{},", operation_table(reach, name, operation, false)?)?;
        }
    }
    writeln!(out, "];\n")?;
    write_errors(out, reach)
}

fn write_errors(out: &mut String, reach: &Reach<'_>) -> Result<()> {
    let mut rows = Vec::new();
    for (name, shape) in reach
        .model
        .shapes
        .0
        .iter()
        .filter(|(_, shape)| shape.exception)
    {
        let code = shape
            .error
            .as_ref()
            .and_then(|error| error.code.as_ref())
            .unwrap_or(name);
        let status = shape
            .error
            .as_ref()
            .and_then(|error| error.http_status_code)
            .unwrap_or(400);
        let message = if shape.members.get("Message").is_some() {
            "Message"
        } else {
            "message"
        };
        let typed = shape.members.get("Type").is_some();
        rows.push((code, format!("ErrorSchema {{ code: {code:?}, status: {status}, message: {message:?}, typed: {typed} }},")));
    }
    rows.sort();
    writeln!(out, "#[rustfmt::skip]\nstatic ERRORS: &[ErrorSchema] = &[")?;
    for (_, row) in rows {
        writeln!(out, "    {row}")?;
    }
    writeln!(out, "];\n")?;
    Ok(())
}

fn operation_table(
    reach: &Reach<'_>,
    name: &str,
    operation: &Operation,
    listed: bool,
) -> Result<String> {
    let http = &operation.http;
    let mut table = if reach.model.metadata.protocol == "rest-json" {
        format!(
            "OperationSchema::rest({name:?}, {:?}, {:?}, {})",
            http.method, http.request_uri, http.response_code
        )
    } else {
        ensure!(
            http.request_uri == "/" && http.method == "POST",
            "{name} is not at POST /"
        );
        format!("OperationSchema::rpc({name:?})")
    };
    if listed {
        for (side, shape) in [("input", &operation.input), ("output", &operation.output)] {
            if let Some(reference) = shape {
                write!(table, ".{side}(&{})", names::table(&reference.shape))?;
            }
        }
    }
    Ok(table)
}

fn shape_table(
    config: &Config,
    service: &Service,
    reach: &Reach<'_>,
    name: &str,
    shape: &Shape,
) -> Result<String> {
    let table_of = |reference: Option<&Reference>| {
        Ok::<_, anyhow::Error>(names::table(&part(reference, name)?.shape))
    };
    Ok(match shape.kind.as_str() {
        "structure" => {
            let mut members = String::new();
            for (member_name, member) in &shape.members.0 {
                writeln!(
                    members,
                    "{},",
                    member_table(reach, shape, member_name, member)?
                )?;
            }
            format!("Shape::Structure(&[{members}])")
        }
        "list" => format!(
            "Shape::List(&{}, {})",
            table_of(shape.member.as_ref())?,
            length(shape)
        ),
        "map" => format!(
            "Shape::Map(&{}, &{}, {})",
            table_of(shape.key.as_ref())?,
            table_of(shape.value.as_ref())?,
            length(shape)
        ),
        "string" if !shape.values.is_empty() && !config.is_open(&service.name, name) => {
            format!("Shape::Enum(&{:?})", shape.values)
        }
        "string" => {
            let pattern = match &shape.pattern {
                Some(text) => format!("Some({})", pattern_table(config, text)?),
                None => "None".into(),
            };
            format!("Shape::String({}, {pattern})", length(shape))
        }
        "integer" => format!(
            "Shape::Integer({})",
            range(shape, config.maximum(&service.name, name))?
        ),
        "long" => format!(
            "Shape::Long({})",
            range(shape, config.maximum(&service.name, name))?
        ),
        "float" | "double" => format!(
            "Shape::Float({}, {})",
            shape.min.map_or_else(|| "f64::MIN".into(), float),
            shape.max.map_or_else(|| "f64::MAX".into(), float),
        ),
        "boolean" => "Shape::Boolean".into(),
        "blob" => format!("Shape::Blob({})", length(shape)),
        "timestamp" => "Shape::Timestamp".into(),
        other => bail!("{name} is of the unknown type {other}"),
    })
}

fn member_table(
    reach: &Reach<'_>,
    shape: &Shape,
    name: &str,
    member: &Reference,
) -> Result<String> {
    let mut table = format!("Member::new({name:?}, &{})", names::table(&member.shape));
    let location = match member.location.as_deref() {
        None if shape.payload.as_deref() == Some(name) => "Payload",
        None => "Body",
        Some("uri") => "Uri",
        Some("querystring") => "Query",
        Some("header") => "Header",
        Some("headers") => "Headers",
        Some("statusCode") => "StatusCode",
        Some(other) => bail!("{name} travels in the unknown place {other}"),
    };
    if location == "Payload" && reach.shape(&member.shape)?.kind == "blob" {
        bail!("{name} is a payload of bytes: such operations are served by hand");
    }
    let wire_name = member.location_name.as_deref().unwrap_or(name);
    if location != "Body" || wire_name != name {
        write!(table, ".at(Location::{location}, {wire_name:?})")?;
    }
    if shape.required.iter().any(|required| required == name) {
        table.push_str(".required()");
    }
    if reach.is_sensitive(&member.shape) {
        table.push_str(".sensitive()");
    }
    Ok(table)
}

fn pattern_table(config: &Config, text: &str) -> Result<String> {
    let note = config.pattern.iter().find(|note| note.text == text);
    let regex = pattern::translate(text, note)?;
    let mut table = if regex == text {
        format!("Pattern::new({})", raw(text)?)
    } else {
        format!("Pattern::translated({}, {})", raw(text)?, raw(&regex)?)
    };
    if let Some(sentence) = note.and_then(|note| note.sentence.as_ref()) {
        write!(table, ".sentence({sentence:?})")?;
    }
    Ok(table)
}

fn raw(text: &str) -> Result<String> {
    ensure!(
        !text.contains("\"#"),
        "the pattern {text} breaks out of a raw string"
    );
    Ok(if text.contains('"') {
        format!("r#\"{text}\"#")
    } else if text.contains('\\') {
        format!("r\"{text}\"")
    } else {
        format!("\"{text}\"")
    })
}

fn length(shape: &Shape) -> String {
    if shape.max.is_none() && shape.min.is_none_or(|min| min == 0.0) {
        return "Length::ANY".into();
    }
    let min = figure(shape.min.unwrap_or_default());
    let max = shape.max.map_or_else(|| "u64::MAX".into(), figure);
    format!("Length::new({min}, {max})")
}

fn range(shape: &Shape, maximum: Option<f64>) -> Result<String> {
    if let Some(ours) = maximum {
        let lowers = shape.max.is_some_and(|model| ours < model);
        ensure!(lowers, "a [[maximum]] that lowers nothing");
    }
    let max = maximum.or(shape.max);
    if shape.min.is_none() && max.is_none() {
        return Ok("Range::ANY".into());
    }
    let min = shape.min.map_or_else(|| "i64::MIN".into(), figure);
    let max = max.map_or_else(|| "i64::MAX".into(), figure);
    Ok(format!("Range::new({min}, {max})"))
}

/// A whole number as a literal: `10_240`.
fn figure(number: f64) -> String {
    let digits = number.to_string();
    let (sign, digits) = digits
        .strip_prefix('-')
        .map_or(("", &*digits), |rest| ("-", rest));
    // Below five digits, separators do not help the eye.
    if digits.len() < 5 {
        return format!("{sign}{digits}");
    }
    let groups: Vec<_> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(String::from_utf8_lossy)
        .collect();
    format!("{sign}{}", groups.join("_"))
}

/// A number as a literal of a float: `10_240.0`.
fn float(number: f64) -> String {
    if number.fract() == 0.0 {
        format!("{}.0", figure(number))
    } else {
        format!("{number:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_legible() {
        let check = |number: f64, want: &str| assert_eq!(figure(number), want);
        check(0.0, "0");
        check(9999.0, "9999");
        check(10_240.0, "10_240");
        check(-1_234_567.0, "-1_234_567");
        assert_eq!(
            (float(0.5), float(15_000.0)),
            ("0.5".into(), "15_000.0".into())
        );
    }
}
