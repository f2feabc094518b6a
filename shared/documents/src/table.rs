//! Tables of typed columns, written as CSV or Parquet row by row: one definition of a column for both.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use parquet::basic::{Compression, Encoding as PageEncoding};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::{ByteArray, FixedLenByteArray};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use crate::Error;
use crate::csv::guard;
use crate::export::{Bill, Entry};
use crate::figures::trimmed;

/// Rows that are held in memory at once, and that make up a row group.
const GROUP_ROWS: usize = 32 * 1024;

/// How a table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// RFC 4180 with a header. Times are RFC 3339 in UTC, maps are JSON, absent values are empty.
    Csv,
    /// Compressed with Snappy. Decimals are `DECIMAL(38, n)`, times milliseconds in UTC, maps are maps.
    Parquet,
}

impl Encoding {
    /// As HTTP's `Content-Type`.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }

    /// Of a file's name, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Text of ours, or of a closed form.
    Text,
    /// Text that somebody chose freely: guarded against spreadsheets in CSV.
    Name,
    /// An integer at so many digits behind the point.
    Decimal(u32),
    Time,
    Double,
    Map,
}

pub(crate) enum Value<'a> {
    Null,
    Text(Cow<'a, str>),
    Decimal(i128),
    Time(DateTime<Utc>),
    Double(f64),
    Map(BTreeMap<Cow<'a, str>, Cow<'a, str>>),
}

impl<'a> Value<'a> {
    pub(crate) fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn text_or_null(text: Option<impl Into<Cow<'a, str>>>) -> Self {
        text.map_or(Self::Null, Self::text)
    }

    pub(crate) fn decimal_or_null(number: Option<i128>) -> Self {
        number.map_or(Self::Null, Self::Decimal)
    }
}

pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) value: for<'a> fn(&Entry<'a>) -> Value<'a>,
}

pub(crate) fn write<'a>(
    columns: &[Column],
    encoding: Encoding,
    bills: impl IntoIterator<Item = &'a Bill<'a>>,
    out: impl Write + Send,
) -> Result<(), Error> {
    let entries = bills.into_iter().flat_map(Bill::entries);
    match encoding {
        Encoding::Csv => write_csv(columns, entries, out),
        Encoding::Parquet => {
            write_parquet(columns, entries, out).map_err(|error| Error::Export(error.to_string()))
        }
    }
}

fn write_csv<'a>(
    columns: &[Column],
    entries: impl Iterator<Item = Entry<'a>>,
    out: impl Write,
) -> Result<(), Error> {
    let failed = |error: ::csv::Error| Error::Export(error.to_string());
    let mut writer = ::csv::WriterBuilder::new()
        .terminator(::csv::Terminator::CRLF)
        .from_writer(out);
    writer
        .write_record(columns.iter().map(|column| column.name))
        .map_err(failed)?;
    for entry in entries {
        for column in columns {
            let cell = cell(column.kind, (column.value)(&entry));
            writer.write_field(cell.as_bytes()).map_err(failed)?;
        }
        writer.write_record(None::<&[u8]>).map_err(failed)?;
    }
    writer
        .flush()
        .map_err(|error| Error::Export(error.to_string()))
}

fn cell(kind: Kind, value: Value<'_>) -> Cow<'_, str> {
    match (value, kind) {
        (Value::Text(text), Kind::Name) => Cow::Owned(guard(&text).into_owned()),
        (Value::Text(text), _) => text,
        (Value::Decimal(number), Kind::Decimal(digits)) => Cow::Owned(trimmed(number, digits)),
        (Value::Time(at), _) => Cow::Owned(at.to_rfc3339_opts(SecondsFormat::Secs, true)),
        (Value::Double(number), _) => Cow::Owned(number.to_string()),
        (Value::Map(map), _) => Cow::Owned(json(&map)),
        (Value::Null | Value::Decimal(_), _) => Cow::Borrowed(""),
    }
}

fn json(map: &BTreeMap<Cow<'_, str>, Cow<'_, str>>) -> String {
    let object = map
        .iter()
        .map(|(key, value)| (key.to_string(), value.as_ref().into()))
        .collect();
    serde_json::Value::Object(object).to_string()
}

fn schema(columns: &[Column]) -> String {
    let fields: Vec<String> = columns
        .iter()
        .map(|Column { name, kind, .. }| match kind {
            Kind::Text | Kind::Name => format!("optional binary {name} (STRING);"),
            Kind::Decimal(digits) => {
                format!("optional fixed_len_byte_array(16) {name} (DECIMAL(38,{digits}));")
            }
            Kind::Time => format!("optional int64 {name} (TIMESTAMP(MILLIS,true));"),
            Kind::Double => format!("optional double {name};"),
            Kind::Map => format!(
                "optional group {name} (MAP) {{ repeated group key_value {{ required binary key (STRING); \
                 optional binary value (STRING); }} }}"
            ),
        })
        .collect();
    format!("message table {{ {} }}", fields.join(" "))
}

fn write_parquet<'a>(
    columns: &[Column],
    mut entries: impl Iterator<Item = Entry<'a>>,
    out: impl Write + Send,
) -> Result<(), ParquetError> {
    let schema = Arc::new(parse_message_type(&schema(columns))?);
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_encoding(PageEncoding::PLAIN)
        .set_created_by("Tollgate".to_owned())
        .build();
    let mut file = SerializedFileWriter::new(out, schema, Arc::new(properties))?;
    loop {
        let rows: Vec<Entry<'a>> = entries.by_ref().take(GROUP_ROWS).collect();
        if rows.is_empty() {
            break;
        }
        let mut group = file.next_row_group()?;
        for column in columns {
            write_column(&mut group, column, &rows)?;
        }
        group.close()?;
    }
    file.close()?;
    Ok(())
}

fn write_column<W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    column: &Column,
    rows: &[Entry<'_>],
) -> Result<(), ParquetError> {
    if column.kind == Kind::Map {
        return write_map(group, column, rows);
    }
    let mut levels = Vec::with_capacity(rows.len());
    let mut cells = Cells::default();
    for row in rows {
        let is_there = cells.push((column.value)(row));
        levels.push(i16::from(is_there));
    }
    let mut writer = next_column(group)?;
    match writer.untyped() {
        ColumnWriter::ByteArrayColumnWriter(writer) => {
            writer.write_batch(&cells.texts, Some(&levels), None)?;
        }
        ColumnWriter::FixedLenByteArrayColumnWriter(writer) => {
            writer.write_batch(&cells.decimals, Some(&levels), None)?;
        }
        ColumnWriter::Int64ColumnWriter(writer) => {
            writer.write_batch(&cells.times, Some(&levels), None)?;
        }
        ColumnWriter::DoubleColumnWriter(writer) => {
            writer.write_batch(&cells.doubles, Some(&levels), None)?;
        }
        _ => return Err(ParquetError::General("a column of another type".to_owned())),
    }
    writer.close()
}

/// The values of one column; one of the lists is filled.
#[derive(Default)]
struct Cells {
    texts: Vec<ByteArray>,
    decimals: Vec<FixedLenByteArray>,
    times: Vec<i64>,
    doubles: Vec<f64>,
}

impl Cells {
    /// Whether there was a value.
    fn push(&mut self, value: Value<'_>) -> bool {
        match value {
            Value::Text(text) => self.texts.push(bytes(&text)),
            Value::Decimal(number) => {
                let bytes = ByteArray::from(number.to_be_bytes().to_vec());
                self.decimals.push(bytes.into());
            }
            Value::Time(at) => self.times.push(at.timestamp_millis()),
            Value::Double(number) => self.doubles.push(number),
            Value::Null | Value::Map(_) => return false,
        }
        true
    }
}

fn bytes(text: &str) -> ByteArray {
    ByteArray::from(text.as_bytes().to_vec())
}

/// Keys and values of maps, with the levels by which Parquet tells absent, empty and filled ones apart.
fn write_map<W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    column: &Column,
    rows: &[Entry<'_>],
) -> Result<(), ParquetError> {
    let (mut keys, mut values) = (Vec::new(), Vec::new());
    let (mut defined, mut repeated) = (Vec::new(), Vec::new());
    for row in rows {
        let Value::Map(map) = (column.value)(row) else {
            defined.push(0);
            repeated.push(0);
            continue;
        };
        if map.is_empty() {
            defined.push(1);
            repeated.push(0);
        }
        for (at, (key, value)) in map.iter().enumerate() {
            keys.push(bytes(key));
            values.push(bytes(value));
            defined.push(2);
            repeated.push(i16::from(at > 0));
        }
    }
    write_texts(group, &keys, &defined, &repeated)?;
    // A value has one level more than its key: it could be absent.
    for level in &mut defined {
        if *level == 2 {
            *level = 3;
        }
    }
    write_texts(group, &values, &defined, &repeated)
}

fn write_texts<W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    texts: &[ByteArray],
    defined: &[i16],
    repeated: &[i16],
) -> Result<(), ParquetError> {
    let mut writer = next_column(group)?;
    let ColumnWriter::ByteArrayColumnWriter(column) = writer.untyped() else {
        return Err(ParquetError::General("a map of another type".to_owned()));
    };
    column.write_batch(texts, Some(defined), Some(repeated))?;
    writer.close()
}

fn next_column<'g, W: Write + Send>(
    group: &'g mut SerializedRowGroupWriter<'_, W>,
) -> Result<parquet::file::writer::SerializedColumnWriter<'g>, ParquetError> {
    group
        .next_column()?
        .ok_or_else(|| ParquetError::General("more columns than the schema has".to_owned()))
}
