//! What a queue is made of.

use chassis::{Clock, Ids};
use dispatch::Dispatch;
use redis::aio::ConnectionManager;
use secrecy::SecretString;
use store::Store;

/// Events of one replica that run at once, where nothing else is asked for.
pub const IN_FLIGHT_MAX: usize = 1_024;

/// The parts of a replica.
pub struct Options {
    pub store: Store,
    /// Shared with a gateway of the same process; else of its own.
    pub dispatch: Dispatch,
    /// For hints and figures.
    pub redis: ConnectionManager,
    /// To make the connection that reads hints.
    pub redis_url: SecretString,
    pub redis_password: Option<SecretString>,
    pub clock: Clock,
    pub ids: Ids,
    /// Events of this replica that run at once.
    pub in_flight_max: usize,
}
