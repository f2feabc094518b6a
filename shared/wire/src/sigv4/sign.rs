//! Signing, for our own clients: the command line, the load tests, the tests.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderName, HeaderValue,
    TRANSFER_ENCODING, USER_AGENT,
};
use http::request::Parts;
use http::uri::PathAndQuery;
use sha2::{Digest as _, Sha256};

use super::canonical::{Canonical, encode, hexadecimal};
use super::{ALGORITHM, DATE_FORMAT, Scope, SigError, SigningKey, UNSIGNED_PAYLOAD};

/// An access key with its secret.
#[derive(Clone)]
pub struct Credentials {
    pub access_key_id: String,
    /// The secret access key.
    pub secret: String,
    /// Of temporary credentials.
    pub session_token: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

/// Headers that proxies and clients change on the way, so no SDK signs them.
const UNSIGNED_HEADERS: [HeaderName; 6] = [
    AUTHORIZATION,
    CONNECTION,
    CONTENT_LENGTH,
    EXPECT,
    TRANSFER_ENCODING,
    USER_AGENT,
];

/// Signs a request in its headers: sets `X-Amz-Date`, `Authorization`, the session token if there is one, and `Host` from
/// the URI where it is missing. A request without either host cannot be signed and is left without a signature.
pub fn sign(
    parts: &mut Parts,
    body: &[u8],
    credentials: &Credentials,
    region: &str,
    service: &str,
    now: DateTime<Utc>,
) {
    let date_time = now.format(DATE_FORMAT).to_string();
    let scope = scope(&date_time, region, service);
    parts.headers.remove(AUTHORIZATION);
    set(parts, "x-amz-date", &date_time);
    if let Some(token) = &credentials.session_token {
        set(parts, "x-amz-security-token", token);
    }
    let authority = parts
        .uri
        .authority()
        .map(|authority| authority.as_str().to_owned());
    if let (false, Some(authority)) = (parts.headers.contains_key(HOST), authority) {
        set(parts, "host", &authority);
    }
    let body = hexadecimal(&Sha256::digest(body).into());
    if service == "s3" {
        set(
            parts,
            "x-amz-content-sha256",
            &String::from_utf8_lossy(&body),
        );
    }
    let signed_headers = signed_headers(parts);
    let key = SigningKey::derive(&credentials.secret, &scope);
    if let Ok(signature) = signature(parts, &key, &scope, &date_time, &signed_headers, &body) {
        let authorization = format!(
            "{ALGORITHM} Credential={}/{scope}, SignedHeaders={signed_headers}, Signature={signature}",
            credentials.access_key_id
        );
        set(parts, "authorization", &authorization);
    }
}

/// Signs a request in its query, good for `expires` from `now` on: `parts.uri` becomes the presigned URI.
pub fn presign(
    parts: &mut Parts,
    body: &[u8],
    credentials: &Credentials,
    region: &str,
    service: &str,
    now: DateTime<Utc>,
    expires: TimeDelta,
) -> Result<(), SigError> {
    let date_time = now.format(DATE_FORMAT).to_string();
    let scope = scope(&date_time, region, service);
    let mut uri = format!("{}?", parts.uri.path());
    if let Some(query) = parts.uri.query().filter(|query| !query.is_empty()) {
        uri.push_str(query);
        uri.push('&');
    }
    uri.push_str("X-Amz-Algorithm=");
    uri.push_str(ALGORITHM);
    let credential = format!("{}/{scope}", credentials.access_key_id);
    parameter(&mut uri, "X-Amz-Credential", &credential);
    parameter(&mut uri, "X-Amz-Date", &date_time);
    parameter(
        &mut uri,
        "X-Amz-Expires",
        &expires.num_seconds().to_string(),
    );
    parameter(&mut uri, "X-Amz-SignedHeaders", "host");
    if let Some(token) = &credentials.session_token {
        parameter(&mut uri, "X-Amz-Security-Token", token);
    }
    set_path_and_query(parts, &uri)?;
    let hash = hexadecimal(&Sha256::digest(body).into());
    let payload: &[u8] = if service == "s3" {
        UNSIGNED_PAYLOAD.as_bytes()
    } else {
        &hash
    };
    let key = SigningKey::derive(&credentials.secret, &scope);
    let signature = signature(parts, &key, &scope, &date_time, "host", payload)?;
    parameter(&mut uri, "X-Amz-Signature", &signature);
    set_path_and_query(parts, &uri)
}

fn scope(date_time: &str, region: &str, service: &str) -> Scope {
    Scope {
        date: date_time.chars().take(8).collect(),
        region: region.to_owned(),
        service: service.to_owned(),
    }
}

fn signature(
    parts: &Parts,
    key: &SigningKey,
    scope: &Scope,
    date_time: &str,
    signed_headers: &str,
    payload: &[u8],
) -> Result<String, SigError> {
    let canonical = Canonical {
        parts,
        signed_headers,
        payload,
        is_s3: scope.service == "s3",
    };
    Ok(hex::encode(key.signature(
        date_time,
        scope,
        &canonical.hash()?,
    )))
}

/// Sorted names of the headers to sign.
fn signed_headers(parts: &Parts) -> String {
    let mut names: Vec<_> = parts
        .headers
        .keys()
        .filter(|name| !UNSIGNED_HEADERS.contains(name) && name.as_str() != "x-amzn-trace-id")
        .map(HeaderName::as_str)
        .collect();
    names.sort_unstable();
    names.join(";")
}

fn set(parts: &mut Parts, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        parts.headers.insert(name, value);
    }
}

fn parameter(uri: &mut String, name: &str, value: &str) {
    uri.push('&');
    uri.push_str(name);
    uri.push('=');
    encode(uri, value.as_bytes());
}

fn set_path_and_query(parts: &mut Parts, text: &str) -> Result<(), SigError> {
    let too_long = |_| SigError::Incomplete("The request cannot be written as a URI.".into());
    let mut uri = std::mem::take(&mut parts.uri).into_parts();
    uri.path_and_query = Some(text.parse::<PathAndQuery>().map_err(too_long)?);
    // A URI with an authority needs a scheme; one without has neither.
    parts.uri = http::Uri::from_parts(uri)
        .map_err(|_| SigError::Incomplete("The request cannot be written as a URI.".into()))?;
    Ok(())
}
