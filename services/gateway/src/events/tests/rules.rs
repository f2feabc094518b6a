use aws_model::events::{
    DeleteRuleRequest, DescribeRuleRequest, DescribeRuleResponse, DisableRuleRequest,
    EnableRuleRequest, ListRulesRequest, ListTagsForResourceRequest, Tag, TagResourceRequest,
    UntagResourceRequest,
};

use super::*;
use crate::events::tags;
use crate::samples::BOB;

const ARN: &str = "arn:aws:events:eu-west-1:111111111111:rule/r";
const NONE: &str = "Rule none does not exist on EventBus default.";

async fn described(world: &World, name: &str) -> Result<DescribeRuleResponse, Fault> {
    let input = DescribeRuleRequest {
        name: name.to_owned(),
        event_bus_name: None,
    };
    handlers::describe(world.call(ALICE), input).await
}

#[tokio::test]
async fn a_rule_is_replaced_switched_and_deleted() {
    let world = World::new().await;
    let input = PutRuleRequest {
        description: text("d"),
        role_arn: text("arn:aws:iam::111111111111:role/r"),
        state: text("DISABLED"),
        event_pattern: text(""),
        ..request("r")
    };
    assert_eq!(put(&world, input).await.unwrap().rule_arn, text(ARN));
    let want = DescribeRuleResponse {
        name: text("r"),
        arn: text(ARN),
        schedule_expression: text("rate(5 minutes)"),
        state: text("DISABLED"),
        description: text("d"),
        role_arn: text("arn:aws:iam::111111111111:role/r"),
        event_bus_name: text("default"),
        created_by: text("111111111111"),
        ..DescribeRuleResponse::default()
    };
    assert_eq!(described(&world, "r").await.unwrap(), want);

    // What the second time leaves out is gone.
    let input = PutRuleRequest {
        event_bus_name: text("arn:aws:events:eu-west-1:111111111111:event-bus/default"),
        ..request("r")
    };
    put(&world, input).await.unwrap();
    let want = DescribeRuleResponse {
        state: text("ENABLED"),
        description: None,
        role_arn: None,
        ..want
    };
    assert_eq!(described(&world, "r").await.unwrap(), want);

    let switch = async |name: &str, on: bool| {
        let (name, event_bus_name) = (name.to_owned(), text("default"));
        let cx = world.call(ALICE);
        if on {
            let input = EnableRuleRequest {
                name,
                event_bus_name,
            };
            handlers::enable(cx, input).await
        } else {
            let input = DisableRuleRequest {
                name,
                event_bus_name,
            };
            handlers::disable(cx, input).await
        }
    };
    for on in [false, true] {
        switch("r", on).await.unwrap();
        let state = described(&world, "r").await.unwrap().state;
        assert_eq!(state, text(if on { "ENABLED" } else { "DISABLED" }));
        not_found(switch("none", on).await, NONE);
    }
    not_found(described(&world, "none").await, NONE);
}

#[tokio::test]
async fn a_rule_without_targets_is_deleted() {
    let world = World::new().await;
    put(&world, request("r")).await.unwrap();
    put_targets(&world, "r", vec![target("t")]).await.unwrap();
    let delete = async |account: u64, name: &str| {
        let input = DeleteRuleRequest {
            name: name.to_owned(),
            ..DeleteRuleRequest::default()
        };
        handlers::delete(world.call(account), input).await
    };
    invalid(
        delete(ALICE, "r").await,
        "Rule can't be deleted since it has targets.",
    );
    delete(ALICE, "none").await.unwrap();
    delete(BOB, "r").await.unwrap();
    described(&world, "r").await.unwrap();

    put(&world, request("q")).await.unwrap();
    delete(ALICE, "q").await.unwrap();
    let gone = "Rule q does not exist on EventBus default.";
    not_found(described(&world, "q").await, gone);
}

#[tokio::test]
async fn only_schedules_on_the_default_bus() {
    let world = World::new().await;
    for good in ["rate(1 minute)", "rate(2 hours)", "cron(0 10 * * ? *)"] {
        let input = PutRuleRequest {
            schedule_expression: text(good),
            ..request("r")
        };
        put(&world, input).await.unwrap();
    }
    for bad in [
        "rate(1 minutes)",
        "rate(10 minute)",
        "rate(0 minutes)",
        "rate(10 MINUTES)",
        "at(2030-01-01T00:00:00)",
        "cron(0 10 * * * *)",
    ] {
        let input = PutRuleRequest {
            schedule_expression: text(bad),
            ..request("r")
        };
        invalid(
            put(&world, input).await,
            "Parameter ScheduleExpression is not valid.",
        );
    }
}

#[tokio::test]
async fn neither_patterns_nor_other_buses() {
    let world = World::new().await;
    let check = async |change: &dyn Fn(&mut PutRuleRequest), want: &str| {
        let mut input = request("r");
        change(&mut input);
        invalid(put(&world, input).await, want);
    };
    let pattern =
        "An EventPattern instead of a ScheduleExpression alone is not supported by Tollgate yet.";
    check(&|input| input.event_pattern = text("{}"), pattern).await;
    let only_pattern = |input: &mut PutRuleRequest| {
        input.event_pattern = text("{}");
        input.schedule_expression = text("");
    };
    check(&only_pattern, pattern).await;
    let neither = "Parameter(s) EventPattern or ScheduleExpression must be specified.";
    check(&|input| input.schedule_expression = None, neither).await;
    let bus = "ScheduleExpression is supported only on the default event bus.";
    check(&|input| input.event_bus_name = text("mine"), bus).await;
    let state = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS";
    let want = format!("The state {state} is not supported by Tollgate yet.");
    check(&|input| input.state = text(state), &want).await;
    let nul = "Description must not contain the character NUL.";
    check(&|input| input.description = text("\0"), nul).await;
    for (bus, name) in [
        ("mine", "mine"),
        (
            "arn:aws:events:eu-west-1:111111111111:event-bus/mine",
            "mine",
        ),
        (
            "arn:aws:events:eu-west-1:222222222222:event-bus/default",
            "default",
        ),
    ] {
        let input = DescribeRuleRequest {
            name: "r".to_owned(),
            event_bus_name: text(bus),
        };
        not_found(
            handlers::describe(world.call(ALICE), input).await,
            &format!("Event bus {name} does not exist."),
        );
    }
}

#[tokio::test]
async fn listings_have_pages() {
    let world = World::new().await;
    for name in ["a", "ab", "b"] {
        put(&world, request(name)).await.unwrap();
    }
    let list = async |prefix: Option<&str>, next_token: Option<String>, limit: Option<i32>| {
        let input = ListRulesRequest {
            name_prefix: prefix.map(str::to_owned),
            event_bus_name: None,
            next_token,
            limit,
        };
        let page = handlers::list(world.call(ALICE), input).await?;
        let names = page
            .rules
            .unwrap()
            .into_iter()
            .map(|rule| rule.name.unwrap());
        Ok::<_, Fault>((names.collect::<Vec<_>>(), page.next_token))
    };
    let (names, next) = list(None, None, Some(2)).await.unwrap();
    assert_eq!(names, ["a", "ab"]);
    assert_eq!(
        list(None, next, None).await.unwrap(),
        (vec!["b".to_owned()], None)
    );
    assert_eq!(list(Some("a"), None, None).await.unwrap().0, ["a", "ab"]);
    invalid(
        list(None, text("?"), None).await,
        "The NextToken is not one that this listing has answered.",
    );
}

#[tokio::test]
async fn rules_are_tagged_by_arn() {
    let world = World::new().await;
    let pair = |key: &str, value: &str| Tag {
        key: key.to_owned(),
        value: value.to_owned(),
    };
    let input = PutRuleRequest {
        tags: Some(vec![pair("a", "1")]),
        ..request("r")
    };
    put(&world, input.clone()).await.unwrap();
    let input = PutRuleRequest {
        tags: Some(vec![pair("a", "2")]),
        ..input
    };
    put(&world, input).await.unwrap();
    let tag = async |resource: &str, tags: Vec<Tag>| {
        let input = TagResourceRequest {
            resource_arn: resource.to_owned(),
            tags,
        };
        tags::tag(world.call(ALICE), input).await
    };
    let list = async |resource: &str| {
        let input = ListTagsForResourceRequest {
            resource_arn: resource.to_owned(),
        };
        let list = tags::list(world.call(ALICE), input).await?;
        Ok::<_, Fault>(list.tags.unwrap())
    };
    tag(ARN, vec![pair("b", "")]).await.unwrap();
    assert_eq!(list(ARN).await.unwrap(), [pair("a", "1"), pair("b", "")]);
    let input = UntagResourceRequest {
        resource_arn: ARN.to_owned(),
        tag_keys: vec!["a".to_owned(), "n\0".to_owned()],
    };
    tags::untag(world.call(ALICE), input).await.unwrap();
    assert_eq!(list(ARN).await.unwrap(), [pair("b", "")]);
    for missing in [
        "arn:aws:events:eu-west-1:111111111111:rule/none",
        "arn:aws:events:us-east-1:111111111111:rule/none",
    ] {
        not_found(list(missing).await, NONE);
        not_found(tag(missing, vec![]).await, NONE);
    }
    invalid(
        list("arn:aws:events:eu-west-1:111111111111:event-bus/default").await,
        "Tagging anything but rules is not supported by Tollgate yet.",
    );
    invalid(
        list("r").await,
        "Parameter r is not valid. Reason: Provided Arn is not in correct format.",
    );
}
