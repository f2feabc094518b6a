//! Deployment packages: checking a zip, keeping it, unpacking it, building one from a directory.
//!
//! A zip is a stranger's file. [`check()`] decides whether Lambda would take it, decompressing every byte but writing
//! nothing; [`unpack()`] makes the same checks again while it writes, so it is safe without an earlier check. Both walk the
//! same plan (`plan`), so they cannot disagree. [`Blobs`] keeps zips by their SHA-256; [`build`] makes the zip that
//! `deploy` uploads; [`manifest`] reads the `tollgate.toml` that says what to deploy.

mod blobs;
mod bundle;
mod check;
mod error;
pub mod manifest;
mod plan;
mod unpack;

#[cfg(test)]
mod tests;

pub use blobs::{BlobError, Blobs};
pub use bundle::{BuildError, build};
pub use check::{Checked, check};
pub use error::{EntryName, PackageError};
pub use plan::Limits;
pub use unpack::{Unpacked, unpack};
