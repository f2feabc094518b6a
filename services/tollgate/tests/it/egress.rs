//! The way out, from the tag that a client sets to the answer from outside. In a network of its own: this machine's is left alone.

use testkit::world::{HOST, WEBSITE, World, run};

use crate::bed::{Bed, text_of};

fn client(bed: &Bed, case: &str) {
    let account = bed.account();
    let mut command = bed.command(&account, "egress.py", case);
    command.env("WEBSITE", WEBSITE).env("SEEN_AS", HOST);
    text_of(&command.output().expect("python runs"), case);
}

#[test]
fn functions_get_out_by_their_tag() {
    let _world = World::enter();
    let mut bed = Bed::own();
    client(&bed, "tags");
    client(&bed, "own_commands");
    assert!(run("nft list tables").contains("tollgate_"));
    assert!(bed.stop().success());
    assert_eq!(run("nft list tables"), "");
}

#[test]
fn an_operator_denies_it() {
    let _world = World::enter();
    let bed = Bed::own_with(&[("TOLLGATE_EXECUTOR_EGRESS", "deny")]);
    client(&bed, "denied");
    assert_eq!(run("nft list tables"), "");
}
