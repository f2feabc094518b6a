//! What a handler is given: the process' parts, and who asks.

use std::sync::Arc;

use chassis::{Clock, Ids};
use domain::{AccountId, Region};
use store::Store;
use uuid::Uuid;

/// The gateway's parts that handlers use.
pub struct App {
    pub store: Store,
    pub clock: Clock,
    pub ids: Ids,
    /// Zips of deployed code, by their hash.
    pub blobs: package::Blobs,
}

/// One authenticated request. Cheap to clone.
#[derive(Clone)]
pub struct Call {
    pub app: Arc<App>,
    pub account: AccountId,
    /// Of the request's `SigV4` credential scope.
    pub region: Region,
    pub request_id: Uuid,
    /// The key that signed the request.
    pub access_key_id: String,
    /// Scheme and authority under which the client reached us, such as `http://127.0.0.1:9400`: for URLs in answers.
    pub base_url: String,
}
