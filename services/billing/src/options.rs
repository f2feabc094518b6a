//! What a billing service is made of.

use chassis::Clock;
use store::Store;
use store::parties::Issuer;

/// The parts of a service.
pub struct Options {
    pub store: Store,
    pub clock: Clock,
    /// Who issues the invoices from now on.
    pub issuer: Issuer,
}
