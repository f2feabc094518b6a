//! End-to-end tests: the real binary, real Postgres and Redis, real sandboxes, real clients.

mod bed;
mod clients;
mod faults;
