//! Deployment packages: checking a zip, keeping it, unpacking it.

use std::sync::Arc;

use object_store::ObjectStore;

/// Where zips are kept, by the hex SHA-256 of their bytes.
#[derive(Clone)]
pub struct Blobs(#[expect(dead_code, reason = "to come")] Arc<dyn ObjectStore>);
