//! AWS Signature Version 4: verified and made.
//!
//! Verification has two steps, so that the caller can look the key up between them and keep derived signing keys:
//! [`parse`] reads what a request claims (header or presigned query), [`Presented::verify`] checks it against a
//! [`SigningKey`]. The canonical request is hashed as it is walked and never built; a comparison takes constant time.
//!
//! **Invariant:** nothing here logs, and neither secrets nor signatures appear in errors or `Debug` output.
//!
//! Source: "Signature Version 4 for API requests", IAM User Guide; texts as answered by AWS.

mod canonical;
mod error;
mod key;
mod presented;
mod sign;

pub use error::SigError;
pub use key::{Scope, SigningKey};
pub use presented::{Kind, Presented, parse, presumed_service};
pub use sign::{Credentials, presign, sign};

#[cfg(test)]
mod tests;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const TERMINATOR: &str = "aws4_request";
/// How `X-Amz-Date` is written.
const DATE_FORMAT: &str = "%Y%m%dT%H%M%SZ";
/// Stands for the body's hash where the body is not signed.
const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";
