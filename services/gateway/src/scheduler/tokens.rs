//! `ClientToken`: what a request is known by when it comes again.

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use store::schedules::Token;

/// The token that the caller gave with this request, whose other members are `input`.
pub(super) fn of(operation: &str, token: Option<String>, input: &impl Serialize) -> Option<Token> {
    let text = token?;
    // The inputs of all operations can be written.
    let input = serde_json::to_vec(input).unwrap_or_default();
    let request_sha256 = Sha256::new()
        .chain_update(operation)
        .chain_update([0])
        .chain_update(input)
        .finalize()
        .into();
    Some(Token {
        text,
        request_sha256,
    })
}
