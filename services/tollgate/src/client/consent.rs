//! Asking before something is done that cannot be undone.

use std::io::{IsTerminal as _, Write as _};

use anyhow::{Result, bail};

/// Asks on the terminal: `Delete 3 dead letters? [y/N]`. Where nobody can answer, nothing is done.
pub(super) fn agreed(verb: &str, what: &str) -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        let verb = verb.to_lowercase();
        bail!("This would {verb} {what}: say --yes to do it.");
    }
    eprint!("{verb} {what}? [y/N] ");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
