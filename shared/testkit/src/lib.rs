//! What tests of several crates need: a development dependency only.

mod database;
pub mod world;

pub use database::Database;
