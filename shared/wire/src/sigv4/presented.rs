//! What a request claims about its signer, and whether that holds.

use std::borrow::Cow;
use std::fmt;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use http::header::{AUTHORIZATION, DATE, HeaderName};
use http::request::Parts;
use percent_encoding::percent_decode_str;
use subtle::ConstantTimeEq as _;

use super::canonical::{Canonical, has_host, hexadecimal};
use super::{ALGORITHM, DATE_FORMAT, Scope, SigError, SigningKey, TERMINATOR, UNSIGNED_PAYLOAD};
use crate::decode::query_pairs;

/// How far a client's clock may be off.
const SKEW: TimeDelta = TimeDelta::minutes(5);
/// Longest life of a presigned URL, in seconds: a week.
const EXPIRES_MAX: i64 = 604_800;

const AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");
const SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
const CONTENT_SHA256: HeaderName = HeaderName::from_static("x-amz-content-sha256");

/// Where a signature travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// In the `Authorization` header.
    Header,
    /// In the query of a presigned URL.
    Query,
}

/// A signature that a request presents, not verified yet.
#[derive(Clone, PartialEq, Eq)]
pub struct Presented {
    kind: Kind,
    access_key_id: String,
    scope: Scope,
    signed_headers: String,
    signature: [u8; 32],
    /// As it was signed: `20261123T100000Z`.
    date_time: String,
    signed_at: DateTime<Utc>,
    /// Of a presigned URL.
    expires: Option<TimeDelta>,
    session_token: Option<String>,
}

impl fmt::Debug for Presented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presented")
            .field("kind", &self.kind)
            .field("access_key_id", &self.access_key_id)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

/// The parts of a signature as they came, from either place.
#[derive(Default)]
struct Raw<'r> {
    credential: Option<Cow<'r, str>>,
    signed_headers: Option<Cow<'r, str>>,
    signature: Option<Cow<'r, str>>,
    date: Option<Cow<'r, str>>,
    expires: Option<Cow<'r, str>>,
    session_token: Option<Cow<'r, str>>,
}

/// Reads the signature that a request presents.
pub fn parse(parts: &Parts) -> Result<Presented, SigError> {
    if let Some(authorization) = parts.headers.get(AUTHORIZATION) {
        let text = authorization.to_str().map_err(|_| SigError::MissingToken)?;
        return presented(Kind::Header, from_header(text, parts)?);
    }
    let query = parts.uri.query().unwrap_or_default();
    if query.contains("X-Amz-") {
        return presented(Kind::Query, from_query(query)?);
    }
    Err(SigError::MissingToken)
}

/// The service that a request's credential names, whether or not the signature holds: to answer in its dialect.
pub fn presumed_service(parts: &Parts) -> Option<&str> {
    let header = parts
        .headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let credential = match header {
        Some(header) => header.split("Credential=").nth(1)?.split(',').next()?,
        None => parts
            .uri
            .query()?
            .split("X-Amz-Credential=")
            .nth(1)?
            .split('&')
            .next()?,
    };
    let mut elements = credential.rsplit("%2F").flat_map(|part| part.rsplit('/'));
    (elements.next()?.trim() == TERMINATOR)
        .then(|| elements.next())
        .flatten()
}

fn from_header<'r>(text: &'r str, parts: &'r Parts) -> Result<Raw<'r>, SigError> {
    let (algorithm, parameters) = text.split_once(' ').unwrap_or((text, ""));
    if algorithm != ALGORITHM {
        return Err(foreign_algorithm(algorithm));
    }
    let header = |name: &HeaderName| {
        parts
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(Cow::Borrowed)
    };
    let mut raw = Raw {
        date: header(&AMZ_DATE).or_else(|| header(&DATE)),
        session_token: header(&SECURITY_TOKEN),
        ..Raw::default()
    };
    for parameter in parameters.split(',') {
        let Some((name, value)) = parameter.trim().split_once('=') else {
            continue;
        };
        let value = Some(Cow::Borrowed(value));
        match name {
            "Credential" => raw.credential = value,
            "SignedHeaders" => raw.signed_headers = value,
            "Signature" => raw.signature = value,
            _ => {}
        }
    }
    let missing = [
        (
            raw.credential.is_none(),
            "Authorization header requires 'Credential' parameter.",
        ),
        (
            raw.signature.is_none(),
            "Authorization header requires 'Signature' parameter.",
        ),
        (
            raw.signed_headers.is_none(),
            "Authorization header requires 'SignedHeaders' parameter.",
        ),
        (
            raw.date.is_none(),
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
        ),
    ];
    complete(&missing)?;
    Ok(raw)
}

fn from_query(query: &str) -> Result<Raw<'_>, SigError> {
    let mut raw = Raw::default();
    let mut algorithm = None;
    for (name, value) in query_pairs(query) {
        let value = Some(value);
        match &*name {
            "X-Amz-Algorithm" => algorithm = value,
            "X-Amz-Credential" => raw.credential = value,
            "X-Amz-Date" => raw.date = value,
            "X-Amz-Expires" => raw.expires = value,
            "X-Amz-SignedHeaders" => raw.signed_headers = value,
            "X-Amz-Security-Token" => raw.session_token = value,
            "X-Amz-Signature" => raw.signature = value,
            _ => {}
        }
    }
    match algorithm.as_deref() {
        Some(ALGORITHM) => {}
        Some(other) => return Err(foreign_algorithm(other)),
        None if raw.credential.is_none() && raw.signature.is_none() => {
            return Err(SigError::MissingToken);
        }
        None => {}
    }
    let missing = [
        (
            algorithm.is_none(),
            "AWS query-string parameters must include 'X-Amz-Algorithm'.",
        ),
        (
            raw.credential.is_none(),
            "AWS query-string parameters must include 'X-Amz-Credential'.",
        ),
        (
            raw.signature.is_none(),
            "AWS query-string parameters must include 'X-Amz-Signature'.",
        ),
        (
            raw.signed_headers.is_none(),
            "AWS query-string parameters must include 'X-Amz-SignedHeaders'.",
        ),
        (
            raw.date.is_none(),
            "AWS query-string parameters must include 'X-Amz-Date'.",
        ),
    ];
    complete(&missing)?;
    Ok(raw)
}

fn foreign_algorithm(algorithm: &str) -> SigError {
    if algorithm.starts_with("AWS") {
        let shown: String = algorithm.chars().take(64).collect();
        return SigError::Incomplete(format!("Unsupported AWS 'algorithm': '{shown}'."));
    }
    SigError::MissingToken
}

fn complete(missing: &[(bool, &str)]) -> Result<(), SigError> {
    let texts: Vec<_> = missing
        .iter()
        .filter(|(is_missing, _)| *is_missing)
        .map(|(_, text)| *text)
        .collect();
    if texts.is_empty() {
        Ok(())
    } else {
        Err(SigError::Incomplete(texts.join(" ")))
    }
}

fn presented(kind: Kind, raw: Raw<'_>) -> Result<Presented, SigError> {
    let (access_key_id, scope) = credential(&raw.credential.unwrap_or_default())?;
    let (date_time, signed_at) = date(&raw.date.unwrap_or_default())?;
    if !date_time.starts_with(&scope.date) || scope.date.len() != 8 {
        return Err(SigError::Unacceptable(format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != '{}', \
             from '{date_time}'.",
            scope.date,
            &date_time[..8],
        )));
    }
    let signed_headers = raw.signed_headers.unwrap_or_default().into_owned();
    if !signed_headers.split(';').any(|name| name == "host") {
        let text = "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.";
        return Err(SigError::Unacceptable(text.into()));
    }
    let mut signature = [0; 32];
    hex::decode_to_slice(&*raw.signature.unwrap_or_default(), &mut signature)
        .map_err(|_| SigError::Mismatch)?;
    let expires = (kind == Kind::Query)
        .then(|| expiry(raw.expires.as_deref()))
        .transpose()?;
    Ok(Presented {
        kind,
        access_key_id,
        scope,
        signed_headers,
        signature,
        date_time,
        signed_at,
        expires,
        session_token: raw.session_token.map(Cow::into_owned),
    })
}

fn credential(text: &str) -> Result<(String, Scope), SigError> {
    let elements: Vec<_> = text.split('/').collect();
    let [key, date, region, service, terminator] = elements[..] else {
        let shown: String = text.chars().take(256).collect();
        return Err(SigError::Incomplete(format!(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{shown}'."
        )));
    };
    if terminator != TERMINATOR {
        let shown: String = terminator.chars().take(64).collect();
        return Err(SigError::Unacceptable(format!(
            "Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{shown}'."
        )));
    }
    if key.is_empty() {
        return Err(SigError::UnknownKey);
    }
    if region.is_empty() || service.is_empty() {
        return Err(SigError::BadScope);
    }
    let scope = Scope {
        date: date.to_owned(),
        region: region.to_owned(),
        service: service.to_owned(),
    };
    Ok((key.to_owned(), scope))
}

/// The date as it was signed, and as a time: AWS's own form, or an HTTP date in a `Date` header.
fn date(text: &str) -> Result<(String, DateTime<Utc>), SigError> {
    // Length and letters keep out what chrono's reading would let in: fewer digits, more digits, signs, blanks.
    if text.len() == "20261123T100000Z".len()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && let Ok(date) = NaiveDateTime::parse_from_str(text, DATE_FORMAT)
    {
        return Ok((text.to_owned(), date.and_utc()));
    }
    let date = DateTime::parse_from_rfc2822(text).or_else(|_| DateTime::parse_from_rfc3339(text));
    match date {
        Ok(date) if (0..=9999).contains(&chrono::Datelike::year(&date)) => {
            let date = date.to_utc();
            Ok((date.format(DATE_FORMAT).to_string(), date))
        }
        _ => {
            let shown: String = text.chars().take(64).collect();
            let text = format!("Date must be in ISO-8601 'basic format'. Got '{shown}'.");
            Err(SigError::Incomplete(text))
        }
    }
}

fn expiry(text: Option<&str>) -> Result<TimeDelta, SigError> {
    let Some(text) = text else {
        let text = "AWS query-string parameters must include 'X-Amz-Expires'.";
        return Err(SigError::Incomplete(text.into()));
    };
    match text.parse::<i64>() {
        Ok(seconds @ 0..=EXPIRES_MAX) => Ok(TimeDelta::seconds(seconds)),
        Ok(0..) => Err(SigError::Incomplete(format!(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than \
             {EXPIRES_MAX} seconds"
        ))),
        Ok(_) => Err(SigError::Incomplete(
            "X-Amz-Expires must be non-negative".into(),
        )),
        Err(_) => Err(SigError::Incomplete(
            "X-Amz-Expires should be a number".into(),
        )),
    }
}

impl Presented {
    /// The key that is said to have signed.
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    /// Day, region and service that the signature is for.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Where the signature travels.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The session token of temporary credentials, for the caller to check.
    pub fn session_token(&self) -> Option<&str> {
        self.session_token.as_deref()
    }

    /// Checks the signature over a request and the SHA-256 of its body, and that it is current.
    pub fn verify(
        &self,
        key: &SigningKey,
        parts: &Parts,
        body_sha256: &[u8; 32],
        now: DateTime<Utc>,
    ) -> Result<(), SigError> {
        if !has_host(&parts.headers, parts) {
            return Err(SigError::Mismatch);
        }
        let body = hexadecimal(body_sha256);
        let canonical = Canonical {
            parts,
            signed_headers: &self.signed_headers,
            payload: self.payload(parts, &body)?,
            is_s3: self.scope.service == "s3",
        };
        let signature = key.signature(&self.date_time, &self.scope, &canonical.hash()?);
        if !bool::from(signature.ct_eq(&self.signature)) {
            return Err(SigError::Mismatch);
        }
        // After the signature, as AWS does: only the key's holder learns what our clock says.
        self.check_time(now)
    }

    /// What the signer hashed for the body. A hash that the request names must be the body's.
    fn payload<'b>(&self, parts: &Parts, body: &'b [u8; 64]) -> Result<&'b [u8], SigError> {
        let header = parts
            .headers
            .get(CONTENT_SHA256)
            .and_then(|value| value.to_str().ok());
        let named = header.map(Cow::Borrowed).or_else(|| {
            let query = parts.uri.query().filter(|_| self.kind == Kind::Query)?;
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            let (_, value) =
                pairs.find(|(name, _)| name.eq_ignore_ascii_case("x-amz-content-sha256"))?;
            Some(percent_decode_str(value).decode_utf8_lossy())
        });
        let is_s3 = self.scope.service == "s3";
        let is_query = self.kind == Kind::Query;
        match named.as_deref() {
            // Presigned S3 URLs leave the body open without saying so.
            None if is_s3 && is_query => Ok(UNSIGNED_PAYLOAD.as_bytes()),
            None => Ok(body),
            Some(UNSIGNED_PAYLOAD) if is_s3 || is_query => Ok(UNSIGNED_PAYLOAD.as_bytes()),
            Some(hash) if hash.as_bytes().eq_ignore_ascii_case(body) => Ok(body),
            Some(_) => Err(SigError::Mismatch),
        }
    }

    fn check_time(&self, now: DateTime<Utc>) -> Result<(), SigError> {
        let shown = |time: DateTime<Utc>| time.format(DATE_FORMAT).to_string();
        let signed_at = &self.date_time;
        if self.signed_at > now + SKEW {
            return Err(SigError::Unacceptable(format!(
                "Signature not yet current: {signed_at} is still later than {} ({} + 5 min.)",
                shown(now + SKEW),
                shown(now),
            )));
        }
        let life = self.expires.unwrap_or(SKEW);
        if self.signed_at + life < now {
            return Err(SigError::Unacceptable(format!(
                "Signature expired: {signed_at} is now earlier than {} ({} - {} min.)",
                shown(now - life),
                shown(now),
                life.num_minutes(),
            )));
        }
        Ok(())
    }
}
