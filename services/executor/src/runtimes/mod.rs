//! What runs the functions: interpreters found on the host, and the small programs that connect them to the Runtime API.
//!
//! A [`Runtime`] answers to Lambda's identifiers (`python3.11`, `nodejs20.x`, `provided.al2023`) and says how it is
//! started: [`Program`]. Interpreters are looked for where hosts keep them and asked what they are (`discover`); nothing is
//! assumed from a file's name. What a runtime needs besides its interpreter is laid out on first use, in a directory of the
//! data directory that the sandbox sees as `/var/runtime` (`install`). More runtimes can be added by small TOML files
//! (`manifest`).
//!
//! Python and Node can be *parked*: started without a function, with everything imported that does not depend on one. A
//! parked runtime waits on file descriptor 3 for one line of JSON, `{"env":{..},"handler":"..","cwd":".."}`, then becomes
//! that function's.

mod discover;
mod environment;
mod install;
mod manifest;
mod runtime;
#[cfg(test)]
mod tests;

pub use discover::Runtimes;
pub use environment::{RUNTIME_DIR, TASK_ROOT};
pub use install::{Client, Error};
pub use runtime::{Fault, Program, Runtime};
