//! What a billing service is made of.

use std::time::Duration;

use chassis::Clock;
use store::Store;
use store::parties::Issuer;

/// The parts of a service.
pub struct Options {
    pub store: Store,
    pub clock: Clock,
    /// Who issues the invoices from now on.
    pub issuer: Issuer,
    /// No month is closed for so long after the start and after a jump of the clock, so that executors can report first.
    pub settling: Duration,
}
