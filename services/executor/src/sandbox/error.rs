use std::io;

/// Why a sandbox could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The host cannot isolate as asked; says what is missing and what to do about it.
    #[error("{0}")]
    Unavailable(String),
    /// Another executor uses the same directory.
    #[error("{0} is in use by another executor")]
    InUse(String),
    /// The program of the launch cannot be executed: the customer's mistake in most cases.
    #[error("cannot run {program}: {source}")]
    Exec { program: String, source: io::Error },
    /// A bind of the launch cannot be made.
    #[error("cannot make {target} visible: {why}")]
    Bind { target: String, why: String },
    /// The sandbox could not be set up.
    #[error("cannot set up the sandbox: {0}")]
    Setup(String),
    /// Not possible under this isolation.
    #[error("not possible under process isolation: {0}")]
    Unsupported(&'static str),
    /// The spawner has died; the executor is on its way out.
    #[error("the sandbox spawner is gone")]
    SpawnerGone,
    #[error("{0}: {1}")]
    Io(&'static str, io::Error),
}
