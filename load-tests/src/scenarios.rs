//! What is measured, one file a subject; each answers rows for the report.

pub(crate) mod cold;
pub(crate) mod idle;
pub(crate) mod peers;
pub(crate) mod sandbox;
pub(crate) mod warm;
