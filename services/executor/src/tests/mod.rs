//! The executor as a gateway sees it: real sandboxes, runtimes and database, so these need root and a Postgres.

mod cluster;
mod egress;
mod events;
mod failures;
mod fixture;
mod gateway;
mod invoke;
mod logs;
mod room;
