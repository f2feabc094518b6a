//! gRPC between services: code from `proto/` and conversions to domain types.
//!
//! The only crate that imports prost. A client talks over a connection to another machine or, inside `tollgate up`, straight
//! to the server object: the caller does not see which.

pub mod executor;
pub mod transport;
