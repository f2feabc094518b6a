//! gRPC between services: code from `proto/` and conversions to domain types.
//!
//! The only crate that imports prost. A client is generic over what carries the call, so the same generated client talks
//! over a connection to another machine or, inside `tollgate up`, straight to the server object.

pub mod executor;
pub mod transport;
