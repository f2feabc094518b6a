//! What tests of several crates need: a development dependency only.

mod database;

pub use database::Database;
