//! Documents as whoever receives them sees them: parsed again by other people's readers.

#[path = "../../examples/samples/mod.rs"]
mod samples;

mod exports;
mod formats;
mod hostile;
mod logo;
mod pdf;
mod ubl;
