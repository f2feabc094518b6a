//! How large a world is explored: a bound for everything that could go on for ever.

/// Events there is room for; [`Bounds::events`] of them happen.
pub const EVENTS: usize = 2;
/// Replicas of the queue service.
pub const OWNERS: usize = 2;
/// Executors.
pub const EXECUTORS: usize = 2;
/// Attempts there is room for; [`Bounds::attempts`] of them are allowed.
pub const ATTEMPTS: usize = 3;

/// The size of the world.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Events that clients send, at most [`EVENTS`].
    pub events: usize,
    /// Attempts of an event, the first included, at most [`ATTEMPTS`]: `1 + MaximumRetryAttempts`.
    pub attempts: u8,
    /// Losses of one attempt's executor after which the poison guard acts. Three in the product.
    pub losses: u8,
    /// What may go wrong, and how often.
    pub faults: Faults,
}

/// How often each thing may still happen that nobody has to do. The system must do without them, and survive them at any
/// moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Faults {
    /// `kill -9` of the gateway that serves a request.
    pub gateway_deaths: u8,
    /// FLUSHALL, or a Redis that comes back empty.
    pub wipes: u8,
    /// `kill -9` of a queue replica. It comes back without its memory.
    pub owner_deaths: u8,
    /// A queue replica stands still until its lease has ended, and goes on believing in it afterwards: a zombie.
    pub pauses: u8,
    /// `kill -9` of an executor. It comes back without its memory.
    pub executor_deaths: u8,
    /// A connection between a queue replica and an executor breaks, or is not there at a takeover; both live on.
    pub breaks: u8,
    /// Postgres commits an executor's transaction and the connection breaks before it can say so: the executor does it again.
    pub unsure_commits: u8,
    /// A user cancels an event, or has its run killed.
    pub cancels: u8,
    /// An owner gives an event up without running it: too old, or a reserved concurrency of 0.
    pub expiries: u8,
}

impl Faults {
    /// Nothing goes wrong.
    pub const NONE: Self = Self {
        gateway_deaths: 0,
        wipes: 0,
        owner_deaths: 0,
        pauses: 0,
        executor_deaths: 0,
        breaks: 0,
        unsure_commits: 0,
        cancels: 0,
        expiries: 0,
    };

    /// Each of them once.
    pub const ONE_EACH: Self = Self {
        gateway_deaths: 1,
        wipes: 1,
        owner_deaths: 1,
        pauses: 1,
        executor_deaths: 1,
        breaks: 1,
        unsure_commits: 1,
        cancels: 1,
        expiries: 1,
    };
}
