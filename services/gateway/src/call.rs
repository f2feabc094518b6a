//! What a handler is given: the process' parts, and who asks.

use std::sync::Arc;

use chassis::{Clock, DevClock, Ids, Lifecycle};
use dispatch::Dispatch;
use domain::{AccountId, Region};
use store::Store;
use uuid::Uuid;

use crate::keys::Keys;
use crate::lambda::invoke::event::Intake;
use crate::measures::Measures;

/// The gateway's parts that handlers use.
pub struct App {
    pub store: Store,
    /// The platform's time: what is recorded and what falls due.
    pub clock: Clock,
    /// Never moved: signatures and links, whose other end is a client with a clock of its own.
    pub host_clock: Clock,
    /// What moves `clock`, where that is allowed.
    pub dev_clock: Option<DevClock>,
    pub ids: Ids,
    pub life: Lifecycle,
    /// Zips of deployed code, by their hash.
    pub blobs: package::Blobs,
    /// Signs the URLs under which code can be downloaded.
    pub url_key: [u8; 32],
    /// `http` or `https`: how clients reach us.
    pub scheme: &'static str,
    /// Whether webhooks may reach private addresses.
    pub webhooks_private: bool,
    /// From a function's name to its run.
    pub dispatch: Dispatch,
    /// Takes asynchronous invocations in.
    pub intake: Intake,
    pub keys: Keys,
    /// The latest looks at queues.
    pub looks: crate::api::Looks,
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
        self.dispatch.targets.clear();
        self.keys.clear();
    }
}
