//! Standard output, for a reader that may leave early.

use std::io::{ErrorKind, Write};

use anyhow::{Result, bail};

/// Prints bytes and a line's end where they have none. A reader that left (`| head`) ends the command without complaint.
pub(crate) fn print(bytes: &[u8]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let written = out
        .write_all(bytes)
        .and_then(|()| match bytes.last() {
            Some(b'\n') => Ok(()),
            _ => out.write_all(b"\n"),
        })
        .and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => bail!("Standard output cannot be written: {error}."),
        Ok(()) => Ok(()),
    }
}
