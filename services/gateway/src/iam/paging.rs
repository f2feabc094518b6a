//! Markers: where a listing goes on, opaque to clients.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use wire::Fault;

use super::faults;

/// IAM's default number of items on a page.
const PAGE: u32 = 100;

/// One page of a listing.
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    /// Where the next page begins, if there is one.
    pub(super) marker: Option<String>,
}

/// How many items this page may have; the model bounds what clients ask for.
pub(super) fn size(max_items: Option<i32>) -> u32 {
    max_items
        .and_then(|items| u32::try_from(items).ok())
        .unwrap_or(PAGE)
}

/// The key behind which this page begins.
pub(super) fn after(marker: Option<&str>) -> Result<Option<String>, Fault> {
    let decode = |marker: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(marker).ok()?;
        String::from_utf8(bytes).ok()
    };
    let Some(marker) = marker else {
        return Ok(None);
    };
    decode(marker)
        .map(Some)
        .ok_or_else(|| faults::invalid_input(format!("Invalid Marker: {marker}")))
}

/// Cuts what was read beyond the page.
pub(super) fn page<T>(mut items: Vec<T>, size: u32, key: impl Fn(&T) -> &str) -> Page<T> {
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let more = items.len() > size;
    items.truncate(size);
    let last = items.last().filter(|_| more);
    let marker = last.map(|item| URL_SAFE_NO_PAD.encode(key(item)));
    Page { items, marker }
}
