//! Logs of functions. Layout and its reasons: `sql/migrations/0005_logs.sql`, `0010_log_chunks.sql`.

mod append;
mod chunk;
mod events;
mod groups;
mod pages;
mod streams;
#[cfg(test)]
mod tests;

pub use events::{Event, Page, Position, Selection, Window};
pub use groups::Group;
pub use streams::{Order, Stream};
