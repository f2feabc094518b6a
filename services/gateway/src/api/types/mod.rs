//! What the API takes and answers. The command line reads answers with these types too.

mod clock;
mod error;

pub use clock::{AdvanceClock, ClockState};
pub use error::ErrorBody;

/// A value to show in the document.
pub trait Example {
    fn example() -> Self;
}
