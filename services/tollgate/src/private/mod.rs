//! The private Postgres and Redis of `tollgate up`: child processes in the data directory, reached over unix sockets only.
//!
//! - [`quarters`]: where a child lives, as which user, and how it reaches its directory even below a private one.
//! - [`guard`]: starts a child, watches it, starts it again when it dies, stops it with us, even after `kill -9`.
//! - [`found`]: finds the installed programs, or says how to install them.
//! - [`postgres`], [`redis`]: what is particular to each.
//!
//! Nothing of the host's own Postgres and Redis (clusters, services, configuration, environment) is read or touched.

pub(crate) mod found;
pub(crate) mod guard;
pub(crate) mod postgres;
pub(crate) mod quarters;
pub(crate) mod redis;

mod services;

pub(crate) use services::{Services, Tuning};
