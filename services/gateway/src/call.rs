//! What a handler is given: the process' parts, and who asks.

use std::sync::Arc;

use chassis::{Clock, Ids, Lifecycle};
use domain::{AccountId, Region};
use store::Store;
use uuid::Uuid;

use crate::admission::Admission;
use crate::executors::Executors;
use crate::keys::Keys;
use crate::measures::Measures;
use crate::targets::Targets;

/// The gateway's parts that handlers use.
pub struct App {
    pub store: Store,
    pub clock: Clock,
    pub ids: Ids,
    pub life: Lifecycle,
    /// Zips of deployed code, by their hash.
    pub blobs: package::Blobs,
    /// Signs the URLs under which code can be downloaded.
    pub url_key: [u8; 32],
    /// `http` or `https`: how clients reach us.
    pub scheme: &'static str,
    pub executors: Executors,
    pub admission: Admission,
    pub targets: Targets,
    pub keys: Keys,
    pub measures: Measures,
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

impl App {
    /// Forgets what is cached of the catalog. Called by each handler that changed what an Invoke depends on, and when the
    /// stamp says that somebody else did; never for reads, many of which are POSTs: they must not cool the invoke path.
    pub(crate) fn forget(&self) {
        self.targets.clear();
        self.keys.clear();
    }
}
