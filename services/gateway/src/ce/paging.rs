//! Pages: a token says of which request it is, and where its page ended.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use wire::Fault;

use super::faults;
use crate::call::Call;

const HASH_BYTES: usize = 16;

/// A request without its token, by hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Request([u8; HASH_BYTES]);

impl Request {
    /// `input` is the request with its token taken out.
    pub(super) fn of(cx: &Call, input: &impl Serialize) -> Self {
        let text = serde_json::to_vec(input).unwrap_or_default();
        let digest = Sha256::new_with_prefix(cx.account.to_string())
            .chain_update(text)
            .finalize();
        let mut hash = [0; HASH_BYTES];
        hash.copy_from_slice(&digest[..HASH_BYTES]);
        Self(hash)
    }

    /// Where the page begins that a token asks for.
    pub(super) fn begin(self, token: Option<&str>) -> Result<usize, Fault> {
        let Some(token) = token else { return Ok(0) };
        let bytes = URL_SAFE_NO_PAD
            .decode(token)
            .map_err(|_| faults::bad_token())?;
        let (hash, place) = bytes
            .split_at_checked(HASH_BYTES)
            .ok_or_else(faults::bad_token)?;
        let place: [u8; 8] = place.try_into().map_err(|_| faults::bad_token())?;
        if hash != self.0 {
            return Err(faults::another_request());
        }
        usize::try_from(u64::from_be_bytes(place)).map_err(|_| faults::bad_token())
    }

    fn token(self, place: usize) -> String {
        let mut bytes = self.0.to_vec();
        bytes.extend(u64::try_from(place).unwrap_or(u64::MAX).to_be_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Cuts a page out of all items; answers the token of the next one.
    pub(super) fn cut<T>(
        self,
        items: Vec<T>,
        begin: usize,
        size: usize,
    ) -> (Vec<T>, Option<String>) {
        let end = begin.saturating_add(size);
        let next = (end < items.len()).then(|| self.token(end));
        let page = items.into_iter().skip(begin).take(size).collect();
        (page, next)
    }
}

/// How many items a page has: what was asked for, up to what there may be.
pub(super) fn size(asked: Option<i32>, max: usize) -> usize {
    asked
        .and_then(|size| usize::try_from(size).ok())
        .map_or(max, |size| size.min(max))
}

/// A count as the model has it.
pub(super) fn count(items: usize) -> i32 {
    i32::try_from(items).unwrap_or(i32::MAX)
}
