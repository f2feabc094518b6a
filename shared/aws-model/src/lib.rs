//! AWS shapes, generated from botocore's service models by `aws-codegen`. No logic.
//!
//! One module per service: a struct per structure shape, a unit struct per operation, and static [`schema`] tables that
//! `wire` walks to decode, check and encode. Enum shapes are `String`s that `wire` has checked; blobs are [`Blob`]s.
//!
//! **Invariant:** nothing here reads or writes bytes, and nothing but `wire` gives the tables meaning.

mod blob;
pub mod budgets;
pub mod ce;
pub mod events;
pub mod freetier;
pub mod iam;
pub mod lambda;
pub mod logs;
pub mod pricing;
pub mod scheduler;
pub mod schema;
pub mod sts;

pub use blob::{Blob, Unit};
