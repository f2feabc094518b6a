//! AWS's billing APIs over usage of functions that ran, on a Tollgate whose clock is moved.

use crate::bed::Bed;

#[test]
fn billing_apis_answer_from_what_was_used() {
    let bed = Bed::own_with(&[
        ("TOLLGATE_DEV_CLOCK", "true"),
        ("TOLLGATE_GATEWAY_WEBHOOKS_PRIVATE", "true"),
    ]);
    let account = bed.account();
    for case in [
        "costs",
        "prices",
        "free_tier",
        "told",
        "planned",
        "aws_cli",
        "forecast",
    ] {
        bed.client(&account, "billing_apis.py", case);
    }
}
