//! Control groups: how much memory, CPU and how many processes a sandbox may have, and what it has used.
//!
//! Version 1 has a hierarchy per controller, version 2 one for all. Our groups are children of the group that the executor
//! itself is in, so that limits which an operator has put on the executor hold for its functions as well.

mod detect;
mod group;
mod v1;
mod v2;

pub(super) use detect::{Cgroups, Probe, probe};
pub(super) use group::{Cgroup, read_number};
