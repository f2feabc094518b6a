//! Pages of listings whose tokens are places in an order of names.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// How many items a page has where nobody says (`MaxResults`, `Limit`): as many as it may have.
const PAGE: u32 = 100;

/// How many items this page may have; the model bounds what clients ask for.
pub(crate) fn size(asked: Option<i32>) -> u32 {
    asked
        .and_then(|items| u32::try_from(items).ok())
        .unwrap_or(PAGE)
}

/// Cuts what was read beyond the page; answers the last item of a page that another follows.
pub(crate) fn cut<T>(items: &mut Vec<T>, size: u32) -> Option<&T> {
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let more = items.len() > size;
    items.truncate(size);
    items.last().filter(|_| more)
}

/// The token of a page that ends with this name.
pub(crate) fn token(name: &str) -> String {
    URL_SAFE_NO_PAD.encode(name)
}

/// The name that a page ended with; `None` for what is no token.
pub(crate) fn name(token: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    String::from_utf8(bytes)
        .ok()
        .filter(|name| !name.contains('\0'))
}
