//! Access keys as requests use them: the account behind a key, and its derived signing keys.
//!
//! Cached in memory and emptied together with the targets when the catalog's stamp moves, so a deleted key stops working
//! within a second everywhere.

use std::sync::Arc;

use dashmap::DashMap;
use domain::AccountId;
use parking_lot::Mutex;
use secrecy::{ExposeSecret as _, SecretString};
use store::{Error, Store};
use wire::sigv4::{Scope, SigningKey};

/// A key that exists.
pub(crate) struct Key {
    pub(crate) account: AccountId,
    secret: SecretString,
    /// Derived keys of the last few scopes (day, region, service).
    derived: Mutex<Vec<(Scope, Arc<SigningKey>)>>,
}

/// A client uses a handful of scopes at a time.
const DERIVED_MAX: usize = 16;

impl Key {
    pub(crate) fn signing_key(&self, scope: &Scope) -> Arc<SigningKey> {
        let mut derived = self.derived.lock();
        if let Some((_, key)) = derived.iter().find(|(known, _)| known == scope) {
            return Arc::clone(key);
        }
        if derived.len() >= DERIVED_MAX {
            derived.remove(0);
        }
        let key = Arc::new(SigningKey::derive(self.secret.expose_secret(), scope));
        derived.push((scope.clone(), Arc::clone(&key)));
        key
    }
}

/// The cache. Cheap to clone.
#[derive(Clone)]
pub struct Keys {
    known: Arc<DashMap<String, Arc<Key>>>,
    store: Store,
}

impl Keys {
    pub fn new(store: Store) -> Self {
        Self {
            known: Arc::default(),
            store,
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.known.clear();
    }

    /// The key of this id; `None` where there is none.
    pub(crate) async fn find(&self, id: &str) -> Result<Option<Arc<Key>>, Error> {
        if let Some(key) = self.known.get(id) {
            return Ok(Some(Arc::clone(&key)));
        }
        let Some(found) = self.store.access_key(id).await? else {
            return Ok(None);
        };
        let key = Arc::new(Key {
            account: found.account,
            secret: found.secret,
            derived: Mutex::default(),
        });
        self.known.insert(id.to_owned(), Arc::clone(&key));
        Ok(Some(key))
    }
}
