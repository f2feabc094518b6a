//! Markers: where a listing goes on, opaque to clients.

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{AliasName, FunctionName, Qualifier};
use store::versions::After;
use wire::Fault;

use super::faults;

/// Lambda answers at most so many items, however many are asked for.
const PAGE_MAX: u32 = 50;

/// How many items this page may have.
pub(super) fn page_size(max_items: Option<i32>) -> u32 {
    max_items
        .and_then(|items| u32::try_from(items).ok())
        .unwrap_or(PAGE_MAX)
        .clamp(1, PAGE_MAX)
}

/// Cuts what was read beyond the page; answers the last item of a page that another follows.
pub(super) fn cut<T>(items: &mut Vec<T>, size: u32) -> Option<&T> {
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let more = items.len() > size;
    items.truncate(size);
    items.last().filter(|_| more)
}

pub(super) fn version_marker(name: &FunctionName, number: u32) -> String {
    URL_SAFE_NO_PAD.encode(format!("{name}:{number}"))
}

pub(super) fn read_version_marker(marker: Option<&str>) -> Result<Option<After>, Fault> {
    let Some(marker) = marker.filter(|marker| !marker.is_empty()) else {
        return Ok(None);
    };
    let after = decode(marker).and_then(|text| {
        let (name, number) = text.split_once(':')?;
        let name: FunctionName = name.parse().ok()?;
        Some(After {
            name: name.to_string(),
            number: number.parse().ok()?,
        })
    });
    after.map(Some).ok_or_else(bad_marker)
}

pub(super) fn alias_marker(name: &AliasName) -> String {
    URL_SAFE_NO_PAD.encode(name.as_str())
}

pub(super) fn read_alias_marker(marker: Option<&str>) -> Result<Option<AliasName>, Fault> {
    read(marker)
}

pub(super) fn qualifier_marker(qualifier: &Qualifier) -> String {
    URL_SAFE_NO_PAD.encode(qualifier.to_string())
}

pub(super) fn read_qualifier_marker(marker: Option<&str>) -> Result<Option<Qualifier>, Fault> {
    read(marker)
}

/// A marker that holds one name.
fn read<T: FromStr>(marker: Option<&str>) -> Result<Option<T>, Fault> {
    let Some(marker) = marker.filter(|marker| !marker.is_empty()) else {
        return Ok(None);
    };
    decode(marker)
        .and_then(|text| text.parse().ok())
        .map(Some)
        .ok_or_else(bad_marker)
}

fn decode(marker: &str) -> Option<String> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(marker).ok()?).ok()
}

/// Ours.
fn bad_marker() -> Fault {
    faults::invalid("The Marker is not one that this listing has answered.")
}
