//! The development clock: what moves with it and what does not, and what a restart makes of it.

use std::process::Command;

use crate::bed::{Bed, TOLLGATE};

#[test]
fn the_platforms_time_is_moved_and_stays_moved() {
    let mut bed = Bed::own_with(&[("TOLLGATE_DEV_CLOCK", "true")]);
    let account = bed.account();
    bed.client(&account, "clock.py", "events_fall_due");
    bed.client(&account, "clock.py", "moved");
    // Its directory outlives the process.
    let work = bed.kill();
    bed.start();
    bed.client(&account, "clock.py", "still_moved");
    assert!(bed.stop().success());
    refused_without_the_flag(&bed);
    drop(work);
}

/// On the host's time, usage would be booked before what is booked already.
fn refused_without_the_flag(bed: &Bed) {
    let output = Command::new(TOLLGATE)
        .args(["up", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(&bed.data_dir)
        .env_remove("TOLLGATE_DEV_CLOCK")
        .output()
        .expect("tollgate runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let expected = format!(
        "tollgate: The clock of {} was moved 5 d ahead, and what is recorded there, usage for one, lies in the future. Start \
         it with --dev-clock, which goes on from there, or choose another --data-dir.",
        bed.data_dir.canonicalize().expect("a path").display()
    );
    assert_eq!(String::from_utf8_lossy(&output.stderr).trim_end(), expected);
}
