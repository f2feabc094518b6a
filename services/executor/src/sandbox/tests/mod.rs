//! Real sandboxes, so these need root.

mod reexec;
mod basics;
