//! The table of operations.

use http::{Method, StatusCode};

use super::clock;
use super::operation::Operation;

/// Every operation there is.
pub(super) fn all() -> Vec<Operation> {
    vec![
        Operation::new(Method::GET, "/clock", "GetClock", clock::get)
            .summary("What time the platform has"),
        Operation::new(Method::POST, "/clock", "AdvanceClock", clock::advance)
            .summary("Move the platform's time forward")
            .description(
                "For development: only where Tollgate was started with `--dev-clock`, else 409. Whatever waits for a time that \
                 is then past falls due at once. The clock never goes back, not with a restart either.",
            )
            .refuses(&[StatusCode::CONFLICT]),
    ]
}
