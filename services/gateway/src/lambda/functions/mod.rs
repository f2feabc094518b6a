//! Functions.

mod create;
mod delete;
mod get;
mod list;
mod update_code;
mod update_configuration;

pub(super) use create::create;
pub(super) use delete::delete;
pub(super) use get::{get, get_configuration};
pub(super) use list::{list, listed_page};
pub(super) use update_code::update_code;
pub(super) use update_configuration::update_configuration;
