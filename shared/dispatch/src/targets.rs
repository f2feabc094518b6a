//! What a function's name means right now: the Invoke path's cache of the catalog.
//!
//! Filled from Postgres, emptied as a whole when the catalog's stamp moved (any control-plane change). A gateway sees its
//! own changes at once, another gateway's within a second.

use std::sync::Arc;

use dashmap::DashMap;
use domain::{AccountId, FunctionName, FunctionSpec, Qualifier, Region};
use rpc::executor::WireSpec;
use store::functions::{Resolved, State, Target};
use store::{Error, Store};

use crate::admission::{Admission, Pool};

/// One runnable version, with its wire form made once.
pub struct Runnable {
    pub spec: FunctionSpec,
    pub wire: WireSpec,
    /// Share of invocations, of all versions of this target together 1.
    pub weight: f64,
}

/// A function's name and qualifier, resolved.
pub struct Route {
    pub versions: Vec<Runnable>,
    pub state: State,
    pub pool: Arc<Pool>,
    /// The pool is the function's own reserved one.
    pub reserved: bool,
}

impl Route {
    /// The version for a `draw` in `[0, 1)`.
    pub fn pick(&self, draw: f64) -> Option<&Runnable> {
        let mut below = 0.0;
        for version in &self.versions {
            below += version.weight;
            if draw < below {
                return Some(version);
            }
        }
        self.versions.first()
    }
}

/// Why a name means nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    Function,
    Qualifier,
}

/// A function as an Invoke names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TargetKey {
    pub account: AccountId,
    pub region: Region,
    pub name: FunctionName,
    pub qualifier: Option<Qualifier>,
}

/// The cache. Cheap to clone.
#[derive(Clone)]
pub struct Targets {
    routes: Arc<DashMap<TargetKey, Arc<Route>>>,
    store: Store,
    admission: Admission,
}

impl Targets {
    pub fn new(store: Store, admission: Admission) -> Self {
        Self {
            routes: Arc::default(),
            store,
            admission,
        }
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.routes.clear();
    }

    pub async fn find(&self, key: &TargetKey) -> Result<Result<Arc<Route>, Missing>, Error> {
        if let Some(route) = self.routes.get(key) {
            return Ok(Ok(Arc::clone(&route)));
        }
        let found = self
            .store
            .resolve(key.account, &key.region, &key.name, key.qualifier.as_ref())
            .await?;
        Ok(match found {
            Resolved::NoFunction => Err(Missing::Function),
            Resolved::NoQualifier => Err(Missing::Qualifier),
            Resolved::Found(target) => {
                let route = Arc::new(self.route(key, target));
                self.routes.insert(key.clone(), Arc::clone(&route));
                Ok(route)
            }
        })
    }

    fn route(&self, key: &TargetKey, target: Target) -> Route {
        let TargetKey {
            account,
            region,
            name,
            ..
        } = key;
        let (pool, reserved) = match target.reserved_concurrency {
            Some(limit) => (
                self.admission
                    .pool(&format!("{account}:{region}:{name}"), limit),
                true,
            ),
            None => (
                self.admission
                    .pool(&format!("{account}:{region}"), target.unreserved),
                false,
            ),
        };
        let versions = target
            .versions
            .into_iter()
            .map(|(spec, weight)| Runnable {
                wire: WireSpec::from(&spec),
                spec,
                weight,
            })
            .collect();
        Route {
            versions,
            state: target.state,
            pool,
            reserved,
        }
    }
}
