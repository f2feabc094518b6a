//! Pauses and policies of schedules over time. What clients see of them otherwise: `clients/schedule_commands.py`.

use crate::bed::Bed;

#[test]
fn pauses_and_policies() {
    let bed = Bed::own_with(&[("TOLLGATE_DEV_CLOCK", "true")]);
    let account = bed.account();
    bed.client(&account, "schedule_commands.py", "over_time");
}
