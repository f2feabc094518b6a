use aws_model::scheduler::{
    DeadLetterConfig, ListSchedulesInput, RetryPolicy, UpdateScheduleInput, UpdateScheduleOutput,
};
use chrono::TimeDelta;

use super::*;
use crate::samples::BOB;

async fn update(world: &World, input: UpdateScheduleInput) -> Result<UpdateScheduleOutput, Fault> {
    handlers::update(world.call(ALICE), input).await
}

fn plain_update(name: &str) -> UpdateScheduleInput {
    UpdateScheduleInput {
        name: name.to_owned(),
        schedule_expression: "rate(5 minutes)".to_owned(),
        target: target(FUNCTION),
        flexible_time_window: off(),
        ..UpdateScheduleInput::default()
    }
}

#[tokio::test]
async fn what_is_left_out_has_a_default() {
    let world = World::new().await;
    let created = create(&world, request("s")).await.unwrap();
    let arn = "arn:aws:scheduler:eu-west-1:111111111111:schedule/default/s";
    assert_eq!(created.schedule_arn, arn);
    let want = GetScheduleOutput {
        arn: text(arn),
        group_name: text("default"),
        name: text("s"),
        schedule_expression: text("rate(5 minutes)"),
        schedule_expression_timezone: text("UTC"),
        state: text("ENABLED"),
        creation_date: Some(1_795_428_000.25),
        last_modification_date: Some(1_795_428_000.25),
        target: Some(Target {
            retry_policy: Some(RetryPolicy {
                maximum_event_age_in_seconds: Some(86_400),
                maximum_retry_attempts: Some(185),
            }),
            ..target(FUNCTION)
        }),
        flexible_time_window: Some(off()),
        action_after_completion: text("NONE"),
        ..GetScheduleOutput::default()
    };
    assert_eq!(get(&world, None, "s").await.unwrap(), want);
    assert_eq!(get(&world, Some("default"), "s").await.unwrap(), want);
    conflict(
        create(&world, request("s")).await,
        "Schedule s already exists.",
    );
}

/// All that can be set, in the group `jobs`.
fn full() -> CreateScheduleInput {
    let qualified = format!("{FUNCTION}:prod");
    CreateScheduleInput {
        group_name: text("jobs"),
        schedule_expression: "cron(0 9 ? * MON-FRI *)".to_owned(),
        schedule_expression_timezone: text("Europe/Berlin"),
        start_date: Some(1_795_430_000.125),
        end_date: Some(1_795_440_000.0),
        description: text("d"),
        state: text("DISABLED"),
        kms_key_arn: text("arn:aws:kms:eu-west-1:111111111111:key/k"),
        target: Target {
            input: text(
                "{\"n\": <aws.scheduler.attempt-number>, \"id\": \"<aws.scheduler.execution-id>\"}",
            ),
            retry_policy: Some(RetryPolicy {
                maximum_event_age_in_seconds: Some(60),
                maximum_retry_attempts: Some(0),
            }),
            dead_letter_config: Some(DeadLetterConfig {
                arn: text("arn:aws:sqs:eu-west-1:111111111111:q"),
            }),
            ..target(&qualified)
        },
        flexible_time_window: FlexibleTimeWindow {
            mode: "FLEXIBLE".to_owned(),
            maximum_window_in_minutes: Some(15),
        },
        action_after_completion: text("DELETE"),
        ..request("s")
    }
}

#[tokio::test]
async fn what_is_set_comes_back() {
    let world = World::new().await;
    make_group(&world, "jobs").await;
    let full = full();
    create(&world, full.clone()).await.unwrap();
    let got = get(&world, Some("jobs"), "s").await.unwrap();
    let want = GetScheduleOutput {
        arn: text("arn:aws:scheduler:eu-west-1:111111111111:schedule/jobs/s"),
        group_name: text("jobs"),
        name: text("s"),
        schedule_expression: Some(full.schedule_expression),
        schedule_expression_timezone: full.schedule_expression_timezone,
        start_date: full.start_date,
        end_date: full.end_date,
        description: full.description,
        state: full.state,
        kms_key_arn: full.kms_key_arn,
        target: Some(full.target),
        flexible_time_window: Some(full.flexible_time_window),
        action_after_completion: full.action_after_completion,
        creation_date: Some(1_795_428_000.25),
        last_modification_date: Some(1_795_428_000.25),
    };
    assert_eq!(got, want);
}

#[tokio::test]
async fn an_update_replaces_everything() {
    let world = World::new().await;
    make_group(&world, "jobs").await;
    let created = create(&world, full()).await.unwrap();
    world.clock.advance(TimeDelta::seconds(10));
    let input = UpdateScheduleInput {
        group_name: text("jobs"),
        ..plain_update("s")
    };
    let updated = update(&world, input).await.unwrap();
    assert_eq!(updated.schedule_arn, created.schedule_arn);
    let got = get(&world, Some("jobs"), "s").await.unwrap();
    assert_eq!(got.description, None);
    assert_eq!(
        (got.start_date, got.end_date, got.kms_key_arn),
        (None, None, None)
    );
    assert_eq!(got.state, text("ENABLED"));
    assert_eq!(got.schedule_expression_timezone, text("UTC"));
    assert_eq!(got.action_after_completion, text("NONE"));
    assert_eq!(got.flexible_time_window, Some(off()));
    let left = got.target.unwrap();
    assert_eq!((left.input, left.dead_letter_config), (None, None));
    assert_eq!(left.retry_policy.unwrap().maximum_retry_attempts, Some(185));
    assert_eq!(got.creation_date, Some(1_795_428_000.25));
    assert_eq!(got.last_modification_date, Some(1_795_428_010.25));
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let world = World::new().await;
    make_group(&world, "jobs").await;
    let no_schedule = "Schedule s does not exist.";
    for group in [None, Some("default"), Some("jobs")] {
        not_found(get(&world, group, "s").await, no_schedule);
        not_found(delete(&world, group, "s").await, no_schedule);
        let input = UpdateScheduleInput {
            group_name: group.map(str::to_owned),
            ..plain_update("s")
        };
        not_found(update(&world, input).await, no_schedule);
    }
    let no_group = "Schedule group none does not exist.";
    not_found(get(&world, Some("none"), "s").await, no_group);
    not_found(delete(&world, Some("none"), "s").await, no_group);
    let input = CreateScheduleInput {
        group_name: text("none"),
        ..request("s")
    };
    not_found(create(&world, input).await, no_group);

    create(&world, request("s")).await.unwrap();
    let input = GetScheduleInput {
        name: "s".to_owned(),
        group_name: None,
    };
    not_found(handlers::get(world.call(BOB), input).await, no_schedule);
    delete(&world, None, "s").await.unwrap();
    not_found(delete(&world, None, "s").await, no_schedule);
}

#[tokio::test]
async fn a_client_token_makes_a_request_the_same() {
    let world = World::new().await;
    let with_token = |input: CreateScheduleInput| CreateScheduleInput {
        client_token: text("token"),
        ..input
    };
    let first = create(&world, with_token(request("s"))).await.unwrap();
    world.clock.advance(TimeDelta::hours(7));
    let again = create(&world, with_token(request("s"))).await.unwrap();
    assert_eq!(first, again);
    let used = "The ClientToken was used before with another request.";
    conflict(create(&world, with_token(request("t"))).await, used);
    let changed = CreateScheduleInput {
        description: text("other"),
        ..request("s")
    };
    conflict(create(&world, with_token(changed)).await, used);
    let input = UpdateScheduleInput {
        client_token: text("token"),
        ..plain_update("s")
    };
    conflict(update(&world, input).await, used);
    let deletion = DeleteScheduleInput {
        name: "s".to_owned(),
        group_name: None,
        client_token: text("another"),
    };
    for _ in 0..2 {
        let deleted = handlers::delete(world.call(ALICE), deletion.clone()).await;
        deleted.unwrap();
    }
    // Tokens are an account's own, and not for good.
    let bobs = handlers::create(world.call(BOB), {
        let arn = FUNCTION.replace("111111111111", "222222222222");
        with_token(CreateScheduleInput {
            target: target(&arn),
            ..request("t")
        })
    });
    bobs.await.unwrap();
    world.clock.advance(TimeDelta::hours(2));
    create(&world, with_token(request("t"))).await.unwrap();
}

/// Four schedules in two groups.
async fn four(world: &World) {
    make_group(world, "jobs").await;
    for (group, name, state) in [
        ("default", "a", "ENABLED"),
        ("default", "b", "DISABLED"),
        ("jobs", "a", "ENABLED"),
        ("jobs", "ab", "ENABLED"),
    ] {
        let input = CreateScheduleInput {
            group_name: text(group),
            state: text(state),
            ..request(name)
        };
        create(world, input).await.unwrap();
    }
}

async fn listed(
    world: &World,
    input: ListSchedulesInput,
) -> Result<(Vec<String>, Option<String>), Fault> {
    let page = handlers::list(world.call(ALICE), input).await?;
    let names = page
        .schedules
        .into_iter()
        .map(|s| format!("{}/{}", s.group_name.unwrap(), s.name.unwrap()));
    Ok((names.collect(), page.next_token))
}

#[tokio::test]
async fn listings_have_pages() {
    let world = World::new().await;
    four(&world).await;
    let list = async |input: ListSchedulesInput| listed(&world, input).await;
    let all = ListSchedulesInput::default();
    let (names, next) = list(all.clone()).await.unwrap();
    assert_eq!(names, ["default/a", "default/b", "jobs/a", "jobs/ab"]);
    assert_eq!(next, None);
    let paged = ListSchedulesInput {
        max_results: Some(3),
        ..all.clone()
    };
    let (names, next) = list(paged.clone()).await.unwrap();
    assert_eq!(names, ["default/a", "default/b", "jobs/a"]);
    let rest = ListSchedulesInput {
        next_token: next,
        ..paged
    };
    assert_eq!(
        list(rest).await.unwrap(),
        (vec!["jobs/ab".to_owned()], None)
    );
    for (input, want) in [
        (
            ListSchedulesInput {
                group_name: text("jobs"),
                ..all.clone()
            },
            &["jobs/a", "jobs/ab"][..],
        ),
        (
            ListSchedulesInput {
                name_prefix: text("ab"),
                ..all.clone()
            },
            &["jobs/ab"],
        ),
        (
            ListSchedulesInput {
                state: text("DISABLED"),
                ..all.clone()
            },
            &["default/b"],
        ),
    ] {
        assert_eq!(list(input).await.unwrap().0, want);
    }
}

#[tokio::test]
async fn listings_are_of_groups_that_are_there() {
    let world = World::new().await;
    four(&world).await;
    let list = async |input: ListSchedulesInput| listed(&world, input).await;
    let all = ListSchedulesInput::default();
    let page = handlers::list(world.call(ALICE), all).await.unwrap();
    let first = page.schedules.into_iter().next().unwrap();
    assert_eq!(first.target.unwrap().arn, FUNCTION);
    assert_eq!(first.state, text("ENABLED"));
    let of = |group: &str| ListSchedulesInput {
        group_name: text(group),
        ..ListSchedulesInput::default()
    };
    not_found(
        list(of("none")).await,
        "Schedule group none does not exist.",
    );
    let empty = handlers::list(world.call(BOB), of("default")).await;
    assert_eq!(empty.unwrap().schedules, vec![]);
    for token in ["?", "bm9zbGFzaA", "AAAA"] {
        let input = ListSchedulesInput {
            next_token: text(token),
            ..ListSchedulesInput::default()
        };
        invalid(
            list(input).await,
            "The NextToken is not one that this listing has answered.",
        );
    }
}
