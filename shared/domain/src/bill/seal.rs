//! Seals: fingerprints over the ledger, each chained to the one before.
//!
//! A seal's root is a Merkle tree over the journals it covers, as in RFC 6962 (a leaf is hashed behind a 0, an inner node behind a 1, and the
//! left subtree is the largest power of two that leaves a rest). Triggers keep roles from changing a journal; whoever is above triggers
//! can change one, and then the seal that covers it no longer verifies, nor can it be made anew without all later ones.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

pub type Hash = [u8; 32];

/// Bytes that say one thing only: every part is preceded by its length or has a fixed one.
#[derive(Debug, Clone)]
pub struct Canonical(Vec<u8>);

impl Canonical {
    /// Begins with what the bytes are for.
    pub fn new(purpose: &str) -> Self {
        let mut bytes = Self(Vec::with_capacity(256));
        bytes.text(purpose);
        bytes
    }

    pub fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.number(bytes.len().try_into().unwrap_or(i128::MAX));
        self.0.extend_from_slice(bytes);
        self
    }

    pub fn number(&mut self, number: i128) -> &mut Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    /// To the microsecond, as the database keeps it.
    pub fn time(&mut self, at: DateTime<Utc>) -> &mut Self {
        self.number(at.timestamp_micros().into())
    }

    pub fn finish(&self) -> &[u8] {
        &self.0
    }
}

/// A journal as a seal sees it: all that the database holds of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journal {
    pub id: i64,
    pub account: i64,
    pub key: String,
    pub request_sha256: Vec<u8>,
    pub kind: String,
    pub period: i64,
    pub invoice: Option<i64>,
    pub effective_at: DateTime<Utc>,
    pub posted_at: DateTime<Utc>,
    pub postings: Vec<Line>,
}

/// A posting as a seal sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub line_no: i16,
    pub ledger_account: i64,
    pub code: String,
    pub currency: String,
    pub amount_e10: i128,
}

impl Journal {
    /// What is hashed of it.
    pub fn canonical(&self) -> Canonical {
        let mut bytes = Canonical::new("tollgate journal 1");
        bytes
            .number(self.id.into())
            .number(self.account.into())
            .text(&self.key)
            .bytes(&self.request_sha256)
            .text(&self.kind)
            .number(self.period.into())
            .number(self.invoice.map_or(-1, Into::into))
            .time(self.effective_at)
            .time(self.posted_at)
            .number(self.postings.len().try_into().unwrap_or(i128::MAX));
        for line in &self.postings {
            bytes
                .number(line.line_no.into())
                .number(line.ledger_account.into())
                .text(&line.code)
                .text(&line.currency)
                .number(line.amount_e10);
        }
        bytes
    }
}

/// The root over journals, in the order of their ids.
pub fn root<'a>(journals: impl IntoIterator<Item = &'a Journal>) -> Hash {
    let leaf = |journal: &Journal| {
        let digest = Sha256::new_with_prefix([0]).chain_update(journal.canonical().finish());
        digest.finalize().into()
    };
    merkle(&journals.into_iter().map(leaf).collect::<Vec<Hash>>())
}

/// Of hashed leaves.
pub fn merkle(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Sha256::digest([]).into(),
        [leaf] => *leaf,
        _ => {
            let left = leaves.len().next_power_of_two() / 2;
            let (left, right) = leaves.split_at(left);
            let node = Sha256::new_with_prefix([1])
                .chain_update(merkle(left))
                .chain_update(merkle(right));
            node.finalize().into()
        }
    }
}

/// A seal's own hash, which the next one builds on.
pub fn seal(
    seal_no: i64,
    journals: i64,
    root: &[u8],
    previous: Option<&[u8]>,
    sealed_at: DateTime<Utc>,
) -> Hash {
    let mut bytes = Canonical::new("tollgate seal 1");
    bytes
        .number(seal_no.into())
        .number(journals.into())
        .bytes(root)
        .bytes(previous.unwrap_or_default())
        .time(sealed_at);
    Sha256::digest(bytes.finish()).into()
}

#[cfg(test)]
mod tests;
