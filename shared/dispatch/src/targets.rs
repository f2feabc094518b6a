//! What a function's name means right now: the Invoke path's cache of the catalog.
//!
//! Filled from Postgres, emptied as a whole when the catalog's stamp moved (any control-plane change). A gateway sees its
//! own changes at once, another gateway's within a second.

use std::sync::Arc;

use dashmap::DashMap;
use domain::{
    AccountId, AsyncSettings, FunctionArn, FunctionName, FunctionSpec, Qualifier, Region,
};
use rpc::executor::WireSpec;
use store::functions::{Resolved, State, Target};
use store::{Error, Store};
use tokio::sync::OnceCell;

use crate::admission::{Admission, Pool};
use crate::caps::{Capped, Caps};

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
    /// Nothing may run: the function's own pool has no place.
    pub stopped: bool,
    /// The unqualified ARN.
    pub function_arn: String,
    /// The function's mark in lineages.
    pub mark: String,
    /// What is asked of its asynchronous invocations.
    pub settings: AsyncSettings,
    /// The spend caps that it is under.
    pub capped: Capped,
    /// The function's lane in the queue, once it was asked for.
    lane: OnceCell<i64>,
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
    caps: Caps,
}

impl Targets {
    pub fn new(store: Store, admission: Admission, caps: Caps) -> Self {
        Self {
            routes: Arc::default(),
            store,
            admission,
            caps,
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
        // Boxed, so that what is found at once, as nearly always, is not as large as this.
        Box::pin(self.look_up(key)).await
    }

    async fn look_up(&self, key: &TargetKey) -> Result<Result<Arc<Route>, Missing>, Error> {
        let found = self
            .store
            .resolve(key.account, &key.region, &key.name, key.qualifier.as_ref())
            .await?;
        Ok(match found {
            Resolved::NoFunction => Err(Missing::Function),
            Resolved::NoQualifier => Err(Missing::Qualifier),
            Resolved::Found(target) => {
                let capped = self.caps.of(key.account, &key.region, &key.name).await?;
                let route = Arc::new(self.route(key, target, capped));
                self.routes.insert(key.clone(), Arc::clone(&route));
                Ok(route)
            }
        })
    }

    /// The function's lane in the queue. Asks the database once per route.
    pub async fn lane(&self, key: &TargetKey, route: &Route) -> Result<i64, Error> {
        let ask = || self.store.lane(key.account, &key.region, &key.name);
        route.lane.get_or_try_init(ask).await.copied()
    }

    fn route(&self, key: &TargetKey, target: Target, capped: Capped) -> Route {
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
        let function_arn = FunctionArn {
            region: region.clone(),
            account: *account,
            name: name.clone(),
            qualifier: None,
        }
        .to_string();
        Route {
            versions,
            state: target.state,
            pool,
            reserved,
            stopped: target.reserved_concurrency == Some(0),
            mark: domain::trace::mark(&function_arn),
            function_arn,
            settings: target.async_settings,
            capped,
            lane: OnceCell::new(),
        }
    }
}
