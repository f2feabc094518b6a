//! The bootstraps as plain processes, against a Runtime API written here.

mod api;
mod examples;
mod found;
mod node;
mod process;
mod python;
