//! The model, explored: what is promised holds whatever goes wrong, no guard is superfluous, and the system comes to an
//! end by itself.

use queue_model::Action;

mod guards;
mod progress;
mod promises;
mod worlds;

/// One line each.
fn listed(actions: &[Action]) -> String {
    let lines: Vec<_> = actions
        .iter()
        .map(|action| format!("\n    {action:?}"))
        .collect();
    lines.concat()
}
