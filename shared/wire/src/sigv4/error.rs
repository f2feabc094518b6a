//! Why a request is not let in, in each protocol's words.

use aws_model::schema::Protocol;

use crate::fault::Fault;

/// Why a signature is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SigError {
    /// The request carries no signature at all.
    #[error("missing authentication token")]
    MissingToken,
    /// The signature lacks a part; AWS's text.
    #[error("{0}")]
    Incomplete(String),
    /// No such access key. For the caller to return.
    #[error("the security token included in the request is invalid")]
    UnknownKey,
    /// Another key, another request, or another body than was signed.
    #[error("the signature does not match")]
    Mismatch,
    /// A well-formed signature that does not hold here and now: expired, of another date or scope; AWS's text.
    #[error("{0}")]
    Unacceptable(String),
    /// The credential scope names no region. For the caller to return, too.
    #[error("credential should be scoped to a valid region")]
    BadScope,
}

/// AWS's text for a signature of another key or request.
const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your AWS \
                        Secret Access Key and signing method. Consult the service documentation for details.";

impl SigError {
    /// What AWS answers in a protocol. JSON services say 400 where others say 403.
    pub fn fault(&self, protocol: Protocol) -> Fault {
        let query = protocol == Protocol::AwsQuery;
        let pick = |query_code, code| if query { query_code } else { code };
        let refused = match protocol {
            Protocol::AwsJson10 | Protocol::AwsJson11 => 400,
            Protocol::RestJson1 | Protocol::AwsQuery => 403,
        };
        let mismatch = pick("SignatureDoesNotMatch", "InvalidSignatureException");
        match self {
            Self::MissingToken => Fault::new(
                refused,
                pick(
                    "MissingAuthenticationToken",
                    "MissingAuthenticationTokenException",
                ),
                pick(
                    "Request is missing Authentication Token",
                    "Missing Authentication Token",
                ),
            ),
            Self::Incomplete(text) => Fault::new(
                400,
                pick("IncompleteSignature", "IncompleteSignatureException"),
                text,
            ),
            Self::UnknownKey => Fault::new(
                refused,
                pick("InvalidClientTokenId", "UnrecognizedClientException"),
                "The security token included in the request is invalid.",
            ),
            Self::Mismatch => Fault::new(refused, mismatch, MISMATCH),
            Self::Unacceptable(text) => Fault::new(refused, mismatch, text),
            Self::BadScope => Fault::new(
                refused,
                mismatch,
                "Credential should be scoped to a valid region.",
            ),
        }
    }
}
