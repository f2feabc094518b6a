//! End-to-end tests: the real binary, real Postgres and Redis, real sandboxes, real clients.

mod apart;
mod bed;
mod billing;
mod billing_apis;
mod clients;
mod command_line;
mod dev_clock;
mod egress;
mod events;
mod faults;
mod house;
mod private_services;
mod schedule_controls;
mod schedules;
mod simulate;
mod telemetry;
