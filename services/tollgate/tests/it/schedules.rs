//! Schedules fire: on a Tollgate whose clock is moved, and through its death.

use crate::bed::Bed;

#[test]
fn times_come_and_schedules_fire() {
    let mut bed = Bed::own_with(&[("TOLLGATE_DEV_CLOCK", "true")]);
    let account = bed.account();
    let cases = [
        "rates_and_keywords",
        "once_and_gone",
        "wall_clocks",
        "disabled_and_changed",
        "windows",
        "nobody_there",
        "classic_rules",
        "groups_go",
        "overlaps",
        "leave_schedules",
    ];
    for case in cases {
        bed.client(&account, "schedule_fires.py", case);
    }
    // Its directory outlives the process.
    let work = bed.kill();
    bed.start();
    bed.client(&account, "schedule_fires.py", "none_is_doubled");
    assert!(bed.stop().success());
    drop(work);
}
