//! Runs a command where it can harm nobody.
//!
//! A [`Sandboxes`] owns one single-threaded child process, the [`spawner`], which is this program again under a hidden
//! subcommand: forking a process with threads is a source of deadlocks, so only a process without threads forks. The spawner
//! keeps a few *shells* parked: processes that are already in their own namespaces and control groups, with the root file
//! system pivoted and the listeners open that lead out: the Runtime API's, and the public gateway's. A launch hands one of them its mounts and its command. That takes the
//! expensive parts (namespaces, and a kernel grace period of 12 to 16 ms when a process first joins a control group) off the
//! cold path.
//!
//! ```text
//! executor ──control──► spawner ──order──► shell = pid 1 of the sandbox ──fork──► the program
//!    ▲                                        │
//!    └──── channel: started (with the pipes), exited ◄┘   (then "gone", from the spawner)
//! ```
//!
//! The channel of a sandbox is a socket between the executor's [`Sandbox`], the shell and the spawner. Closing the executor's
//! end releases the sandbox; when the executor dies, by whatever death, every channel and the control socket close, and the
//! spawner kills what is left and removes its control groups.
//!
//! A sandbox's network is its own loopback; [`egress`] is the exception, for programs that ask.
//!
//! **Invariant:** `unsafe` is in `sys` only. **Invariant:** a sandbox is never weaker than asked for; where the host cannot
//! isolate, [`Sandboxes::start`] refuses with the sentence that [`host`] has for it.

mod cgroup;
mod egress;
mod error;
mod filter;
pub mod host;
mod init;
mod launch;
mod privileges;
mod protocol;
mod root;
mod running;
mod sandboxes;
mod shell;
pub mod spawner;
mod sys;
#[cfg(test)]
pub(crate) mod tests;

pub use error::Error;
pub use launch::{Bind, Confined, Egress, Exit, Isolation, Launch, Options};
pub(crate) use protocol::GATEWAY_PORT;
pub use running::{Id, Sandbox};
pub use sandboxes::Sandboxes;
