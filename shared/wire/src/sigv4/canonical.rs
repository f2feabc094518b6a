//! The canonical request, hashed while it is walked.

use std::borrow::Cow;

use http::HeaderMap;
use http::request::Parts;
use percent_encoding::percent_decode_str;
use sha2::{Digest as _, Sha256};

use super::SigError;

/// What goes into a canonical request besides the request itself.
pub(super) struct Canonical<'a> {
    pub(super) parts: &'a Parts,
    /// `host;x-amz-date`, as listed by the signer.
    pub(super) signed_headers: &'a str,
    /// The body's hash in hexadecimal, or a word that stands for it.
    pub(super) payload: &'a [u8],
    /// All services but S3 encode the path a second time.
    pub(super) is_s3: bool,
}

impl Canonical<'_> {
    /// SHA-256 of the canonical request, in hexadecimal. Fails where a signed header is not there.
    pub(super) fn hash(&self) -> Result<[u8; 64], SigError> {
        let mut hash = Sha256::new();
        hash.update(self.parts.method.as_str());
        hash.update(b"\n");
        self.path(&mut hash);
        hash.update(b"\n");
        query(&mut hash, self.parts.uri.query().unwrap_or_default());
        hash.update(b"\n");
        for name in self.signed_headers.split(';') {
            self.header(&mut hash, name)?;
        }
        hash.update(b"\n");
        hash.update(self.signed_headers);
        hash.update(b"\n");
        hash.update(self.payload);
        Ok(hexadecimal(&hash.finalize().into()))
    }

    fn path(&self, hash: &mut Sha256) {
        let path = self.parts.uri.path();
        let path = if path.is_empty() { "/" } else { path };
        if self.is_s3 {
            return hash.update(path);
        }
        let path = normal(path);
        let mut rest = path.as_bytes();
        while let Some(at) = rest
            .iter()
            .position(|byte| !is_unreserved(*byte) && *byte != b'/')
        {
            hash.update(&rest[..at]);
            hash.update(escaped(rest[at]));
            rest = &rest[at + 1..];
        }
        hash.update(rest);
    }

    fn header(&self, hash: &mut Sha256, name: &str) -> Result<(), SigError> {
        hash.update(name);
        hash.update(b":");
        let mut values = self.parts.headers.get_all(name).iter().peekable();
        if values.peek().is_none() {
            // HTTP/2 has the host in its own place.
            let authority = self.parts.uri.authority().filter(|_| name == "host");
            hash.update(authority.ok_or(SigError::Mismatch)?.as_str());
        }
        while let Some(value) = values.next() {
            trimmed(hash, value.as_bytes());
            if values.peek().is_some() {
                hash.update(b",");
            }
        }
        hash.update(b"\n");
        Ok(())
    }
}

/// The host that a request names.
pub(super) fn has_host(headers: &HeaderMap, parts: &Parts) -> bool {
    headers.contains_key(http::header::HOST) || parts.uri.authority().is_some()
}

/// A path without `.`, `..` and empty segments, borrowed where it has none.
fn normal(path: &str) -> Cow<'_, str> {
    if !path.contains("//") && !path.contains("/.") {
        return Cow::Borrowed(path);
    }
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(kept.pop()),
            _ => kept.push(segment),
        }
    }
    let ends_in_slash = path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..");
    let end = if ends_in_slash && !kept.is_empty() {
        "/"
    } else {
        ""
    };
    Cow::Owned(format!("/{}{end}", kept.join("/")))
}

/// The query, encoded in one way, sorted, without the signature itself.
fn query(hash: &mut Sha256, query: &str) {
    if query.is_empty() {
        return;
    }
    let mut pairs: Vec<(Cow<'_, str>, Cow<'_, str>)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .filter(|(name, _)| *name != "X-Amz-Signature")
        .map(|(name, value)| (encoded_once(name), encoded_once(value)))
        .collect();
    pairs.sort_unstable();
    for (index, (name, value)) in pairs.iter().enumerate() {
        if index > 0 {
            hash.update(b"&");
        }
        hash.update(name.as_bytes());
        hash.update(b"=");
        hash.update(value.as_bytes());
    }
}

/// Text of a query in AWS's encoding, whatever the client's was: decoded and encoded again, unless it is plain already.
fn encoded_once(text: &str) -> Cow<'_, str> {
    if text.bytes().all(is_unreserved) {
        return Cow::Borrowed(text);
    }
    let decoded: Cow<'_, [u8]> = percent_decode_str(text).into();
    let mut encoded = String::with_capacity(text.len() + 8);
    encode(&mut encoded, &decoded);
    Cow::Owned(encoded)
}

/// Appends bytes, all but the unreserved ones escaped.
pub(super) fn encode(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        if is_unreserved(*byte) {
            out.push(char::from(*byte));
        } else {
            out.extend(escaped(*byte).map(char::from));
        }
    }
}

/// Hashes a header's value: trimmed, and runs of blanks as one.
fn trimmed(hash: &mut Sha256, value: &[u8]) {
    let value = value.trim_ascii();
    if !value
        .windows(2)
        .any(|pair| pair.iter().all(u8::is_ascii_whitespace))
    {
        return hash.update(value);
    }
    let words = value
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    for (index, word) in words.enumerate() {
        if index > 0 {
            hash.update(b" ");
        }
        hash.update(word);
    }
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn escaped(byte: u8) -> [u8; 3] {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    [
        b'%',
        DIGITS[usize::from(byte >> 4)],
        DIGITS[usize::from(byte & 15)],
    ]
}

/// A hash in hexadecimal, as it is hashed again.
pub(super) fn hexadecimal(hash: &[u8; 32]) -> [u8; 64] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    std::array::from_fn(|index| {
        let byte = hash[index / 2];
        DIGITS[usize::from(if index % 2 == 0 { byte >> 4 } else { byte & 15 })]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normal() {
        let check = |path: &str, want: &str| assert_eq!(normal(path), want, "{path}");
        check("/", "/");
        check("/a/b", "/a/b");
        check("/a/../b", "/b");
        check("/..", "/");
        check("//", "/");
        check("/a//b/./c/", "/a/b/c/");
        check("/.hidden", "/.hidden");
    }

    #[test]
    fn queries_have_one_encoding() {
        let check = |text: &str, want: &str| assert_eq!(encoded_once(text), want, "{text}");
        check("plain-._~", "plain-._~");
        check("a%2fb", "a%2Fb");
        check("a/b:c", "a%2Fb%3Ac");
        check("%41", "A");
        check("a+b", "a%2Bb");
    }
}
