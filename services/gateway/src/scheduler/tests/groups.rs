use aws_model::scheduler::{
    DeleteScheduleGroupInput, GetScheduleGroupInput, GetScheduleGroupOutput,
    ListScheduleGroupsInput, ListTagsForResourceInput, Tag, TagResourceInput, UntagResourceInput,
};

use super::*;
use crate::samples::BOB;
use crate::scheduler::tags;

fn arn(name: &str) -> String {
    format!("arn:aws:scheduler:eu-west-1:111111111111:schedule-group/{name}")
}

async fn got(world: &World, name: &str) -> Result<GetScheduleGroupOutput, Fault> {
    let input = GetScheduleGroupInput {
        name: name.to_owned(),
    };
    group_handlers::get(world.call(ALICE), input).await
}

async fn begin_deletion(world: &World, name: &str) -> Result<(), Fault> {
    let input = DeleteScheduleGroupInput {
        name: name.to_owned(),
        client_token: None,
    };
    let deleted = group_handlers::delete(world.call(ALICE), input).await;
    deleted.map(|_| ())
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<Tag> {
    pairs
        .iter()
        .map(|(key, value)| Tag {
            key: (*key).to_owned(),
            value: (*value).to_owned(),
        })
        .collect()
}

#[tokio::test]
async fn a_group_goes_with_its_schedules() {
    let world = World::new().await;
    make_group(&world, "jobs").await;
    let want = GetScheduleGroupOutput {
        arn: Some(arn("jobs")),
        name: text("jobs"),
        state: text("ACTIVE"),
        creation_date: Some(1_795_428_000.25),
        last_modification_date: Some(1_795_428_000.25),
    };
    assert_eq!(got(&world, "jobs").await.unwrap(), want);
    let of_group = |name: &str| CreateScheduleInput {
        group_name: text("jobs"),
        ..request(name)
    };
    create(&world, of_group("s")).await.unwrap();
    for _ in 0..2 {
        begin_deletion(&world, "jobs").await.unwrap();
        assert_eq!(got(&world, "jobs").await.unwrap().state, text("DELETING"));
    }
    get(&world, Some("jobs"), "s").await.unwrap();
    conflict(
        create(&world, of_group("t")).await,
        "Schedule group jobs is being deleted.",
    );
    let again = CreateScheduleGroupInput {
        name: "jobs".to_owned(),
        ..CreateScheduleGroupInput::default()
    };
    conflict(
        group_handlers::create(world.call(ALICE), again).await,
        "Schedule group jobs already exists.",
    );
    while world.app.store.delete_groups().await.unwrap() {}
    let none = "Schedule group jobs does not exist.";
    not_found(got(&world, "jobs").await, none);
    not_found(begin_deletion(&world, "jobs").await, none);
    not_found(get(&world, Some("jobs"), "s").await, none);
}

#[tokio::test]
async fn the_default_group_stays() {
    let world = World::new().await;
    let group = got(&world, "default").await.unwrap();
    assert_eq!(
        (group.arn, group.state),
        (Some(arn("default")), text("ACTIVE"))
    );
    let refusal = "This operation cannot be performed on schedule group default.";
    invalid(begin_deletion(&world, "default").await, refusal);
    let input = CreateScheduleGroupInput {
        name: "default".to_owned(),
        ..CreateScheduleGroupInput::default()
    };
    invalid(
        group_handlers::create(world.call(ALICE), input).await,
        refusal,
    );
}

#[tokio::test]
async fn listings_have_pages() {
    let world = World::new().await;
    for name in ["jobs", "dev", "x.y"] {
        make_group(&world, name).await;
    }
    let list = async |input: ListScheduleGroupsInput| {
        let page = group_handlers::list(world.call(ALICE), input)
            .await
            .unwrap();
        let names = page
            .schedule_groups
            .into_iter()
            .map(|group| group.name.unwrap());
        (names.collect::<Vec<_>>(), page.next_token)
    };
    let paged = ListScheduleGroupsInput {
        max_results: Some(3),
        ..ListScheduleGroupsInput::default()
    };
    let (names, next_token) = list(paged.clone()).await;
    assert_eq!(names, ["default", "dev", "jobs"]);
    let rest = ListScheduleGroupsInput {
        next_token,
        ..paged.clone()
    };
    assert_eq!(list(rest).await, (vec!["x.y".to_owned()], None));
    let prefixed = ListScheduleGroupsInput {
        name_prefix: text("de"),
        ..paged
    };
    assert_eq!(list(prefixed).await.0, ["default", "dev"]);
    let bobs = group_handlers::list(world.call(BOB), ListScheduleGroupsInput::default());
    assert_eq!(bobs.await.unwrap().schedule_groups.len(), 1);
}

#[tokio::test]
async fn groups_are_tagged_by_arn() {
    let world = World::new().await;
    let input = CreateScheduleGroupInput {
        name: "jobs".to_owned(),
        tags: Some(pairs(&[("a", "1")])),
        client_token: text("t"),
    };
    for _ in 0..2 {
        let created = group_handlers::create(world.call(ALICE), input.clone());
        assert_eq!(created.await.unwrap().schedule_group_arn, arn("jobs"));
    }
    let tag = async |resource: &str, tags: &[(&str, &str)]| {
        let input = TagResourceInput {
            resource_arn: resource.to_owned(),
            tags: pairs(tags),
        };
        tags::tag(world.call(ALICE), input).await
    };
    let list = async |resource: &str| {
        let input = ListTagsForResourceInput {
            resource_arn: resource.to_owned(),
        };
        tags::list(world.call(ALICE), input).await
    };
    tag(&arn("jobs"), &[("b", "2"), ("a", "3")]).await.unwrap();
    let tags = list(&arn("jobs")).await.unwrap().tags;
    assert_eq!(tags, Some(pairs(&[("a", "3"), ("b", "2")])));
    let input = UntagResourceInput {
        resource_arn: arn("jobs"),
        tag_keys: vec!["a".to_owned(), "n\0".to_owned()],
    };
    tags::untag(world.call(ALICE), input).await.unwrap();
    let tags = list(&arn("jobs")).await.unwrap().tags;
    assert_eq!(tags, Some(pairs(&[("b", "2")])));
    assert_eq!(list(&arn("default")).await.unwrap().tags, Some(vec![]));

    let many: Vec<_> = (0..50).map(|n| format!("k{n}")).collect();
    let many: Vec<_> = many.iter().map(|key| (key.as_str(), "v")).collect();
    invalid(
        tag(&arn("jobs"), &many).await,
        "A resource must not have more than 50 tags.",
    );
    invalid(
        tag(&arn("jobs"), &[("AWS:x", "")]).await,
        "aws: prefixed tag key names are not allowed for external use.",
    );
    invalid(
        tag(&arn("jobs"), &[("a", "\0")]).await,
        "A tag must not contain the character NUL.",
    );
    for missing in [
        arn("none"),
        arn("none").replace("111111111111", "222222222222"),
        arn("none").replace("eu-west-1", "us-east-1"),
    ] {
        not_found(
            tag(&missing, &[("a", "1")]).await,
            "Schedule group none does not exist.",
        );
        not_found(list(&missing).await, "Schedule group none does not exist.");
    }
}
