//! Concurrency limits: per account and region, and reserved per function.
//!
//! A pool's limit holds over all gateways together. Each gateway *leases* a part of it from Redis and spends that part in
//! memory: an admission on the warm path is one compare-and-swap. A gateway asks for more when its part is used up and,
//! once a second, renews what it holds and gives back what another one misses. Leases lapse by themselves 5 s after their
//! holder died. While Redis cannot be reached every gateway admits up to the pool's whole limit (serving goes on; the
//! limit is then per gateway), and says so once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use redis::aio::ConnectionManager;

/// Sets this gateway's part of a pool and answers what it got and whether another gateway went short.
///
/// KEYS\[1\] the pool's hash; ARGV: gateway, wanted total, limit, lease in ms. Fields are `gateway -> "part:expires_ms"`; the
/// field `~` holds until when somebody has been going short.
const LEASE: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local wanted, limit, lease = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local others, short = 0, false
local fields = redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
    local name, value = fields[i], fields[i + 1]
    if name == '~' then
        short = tonumber(value) > now
    elseif name ~= ARGV[1] then
        local part, expires = string.match(value, '(%d+):(%d+)')
        if tonumber(expires) < now then
            redis.call('HDEL', KEYS[1], name)
        else
            others = others + tonumber(part)
        end
    end
end
local part = math.max(math.min(wanted, limit - others), 0)
if part < wanted then
    redis.call('HSET', KEYS[1], '~', now + 3000)
end
if part == 0 then
    redis.call('HDEL', KEYS[1], ARGV[1])
else
    redis.call('HSET', KEYS[1], ARGV[1], part .. ':' .. (now + lease))
end
redis.call('PEXPIRE', KEYS[1], lease * 2)
return {part, short and 1 or 0}
";

const LEASE_MS: u32 = 5_000;

/// Longer than this an invocation does not wait for Redis.
const REDIS_PATIENCE: Duration = Duration::from_millis(250);

/// After so many renewals without an admission a pool's part is given back.
const IDLE_ROUNDS_MAX: u32 = 10;

/// A set of executions that share one limit. Kept by every cached target that belongs to it.
pub struct Pool {
    key: String,
    limit: AtomicU32,
    used: AtomicU32,
    leased: AtomicU32,
    /// Renewals since the last admission.
    idle_rounds: AtomicU32,
    /// One request for more at a time; the others wait for its answer.
    refill: tokio::sync::Mutex<()>,
}

impl Pool {
    fn try_take(&self) -> bool {
        let ceiling = self
            .leased
            .load(Ordering::Relaxed)
            .min(self.limit.load(Ordering::Relaxed));
        let step = |used| (used < ceiling).then_some(used + 1);
        let taken = self
            .used
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, step)
            .is_ok();
        if taken {
            self.idle_rounds.store(0, Ordering::Relaxed);
        }
        taken
    }

    /// What to ask for when one more is needed: some head room, little of a small limit.
    fn wanted(&self) -> u32 {
        let limit = self.limit.load(Ordering::Relaxed);
        let used = self.used.load(Ordering::Relaxed);
        (used + (limit / 16).max(1)).min(limit)
    }
}

/// One admitted execution; gives its place back when dropped.
pub struct Permit(Arc<Pool>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.used.fetch_sub(1, Ordering::AcqRel);
    }
}

/// All pools of this gateway. Cheap to clone.
#[derive(Clone)]
pub struct Admission {
    pools: Arc<DashMap<String, Arc<Pool>>>,
    redis: ConnectionManager,
    script: Arc<redis::Script>,
    gateway_id: Arc<str>,
    degraded: Arc<AtomicBool>,
}

impl Admission {
    pub fn new(redis: ConnectionManager, gateway_id: &str) -> Self {
        Self {
            pools: Arc::default(),
            redis,
            script: Arc::new(redis::Script::new(LEASE)),
            gateway_id: gateway_id.into(),
            degraded: Arc::default(),
        }
    }

    /// The pool of this name, with its limit as just read from the catalog.
    pub fn pool(&self, name: &str, limit: u32) -> Arc<Pool> {
        let pool = self.pools.entry(name.to_owned()).or_insert_with(|| {
            Arc::new(Pool {
                key: format!("tollgate:concurrency:{{{name}}}"),
                limit: AtomicU32::new(limit),
                used: AtomicU32::new(0),
                leased: AtomicU32::new(0),
                idle_rounds: AtomicU32::new(0),
                refill: tokio::sync::Mutex::default(),
            })
        });
        pool.limit.store(limit, Ordering::Relaxed);
        Arc::clone(&pool)
    }

    /// Takes a place in the pool; `None` where its limit is reached.
    pub async fn admit(&self, pool: &Arc<Pool>) -> Option<Permit> {
        if pool.try_take() {
            return Some(Permit(Arc::clone(pool)));
        }
        if pool.used.load(Ordering::Relaxed) >= pool.limit.load(Ordering::Relaxed) {
            return None;
        }
        let _one_at_a_time = pool.refill.lock().await;
        if !pool.try_take() {
            self.lease(pool, pool.wanted()).await;
            if !pool.try_take() {
                return None;
            }
        }
        Some(Permit(Arc::clone(pool)))
    }

    /// Renews what is held and gives back what another gateway misses. Call once a second; costs nothing while idle.
    pub async fn renew(&self) {
        let held: Vec<_> = self
            .pools
            .iter()
            .filter(|pool| pool.leased.load(Ordering::Relaxed) > 0)
            .map(|pool| Arc::clone(&pool))
            .collect();
        for pool in held {
            let _one_at_a_time = pool.refill.lock().await;
            let used = pool.used.load(Ordering::Relaxed);
            let idle = pool.idle_rounds.fetch_add(1, Ordering::Relaxed) >= IDLE_ROUNDS_MAX;
            let wanted = if idle && used == 0 {
                0
            } else {
                pool.leased.load(Ordering::Relaxed)
            };
            if self.lease(&pool, wanted).await && wanted > used {
                self.lease(&pool, used).await;
            }
        }
    }

    /// Asks for a part of the pool; answers whether another gateway went short.
    async fn lease(&self, pool: &Pool, wanted: u32) -> bool {
        let limit = pool.limit.load(Ordering::Relaxed);
        let mut redis = self.redis.clone();
        let mut call = self.script.key(&pool.key);
        call.arg(&*self.gateway_id)
            .arg(wanted)
            .arg(limit)
            .arg(LEASE_MS);
        let answer = tokio::time::timeout(REDIS_PATIENCE, call.invoke_async(&mut redis)).await;
        let answer: Result<(u32, u8), String> = match answer {
            Ok(answer) => answer.map_err(|error: redis::RedisError| error.to_string()),
            Err(_) => Err("no answer in time".to_owned()),
        };
        match answer {
            Ok((part, short)) => {
                self.degraded.store(false, Ordering::Relaxed);
                pool.leased.store(part, Ordering::Relaxed);
                short == 1
            }
            Err(error) => {
                if !self.degraded.swap(true, Ordering::Relaxed) {
                    tracing::warn!(%error, "Redis is away: concurrency limits hold per gateway until it is back");
                }
                pool.leased.store(limit, Ordering::Relaxed);
                false
            }
        }
    }
}
