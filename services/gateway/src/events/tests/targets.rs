use aws_model::events::{
    DeadLetterConfig, EcsParameters, HttpParameters, InputTransformer,
    ListRuleNamesByTargetRequest, ListTargetsByRuleRequest, RemoveTargetsRequest,
    RemoveTargetsResultEntry, RetryPolicy, SqsParameters,
};

use super::*;

const NONE: &str = "Rule none does not exist on EventBus default.";

async fn listed(
    world: &World,
    rule: &str,
    next_token: Option<String>,
    limit: Option<i32>,
) -> Result<(Vec<Target>, Option<String>), Fault> {
    let input = ListTargetsByRuleRequest {
        rule: rule.to_owned(),
        event_bus_name: None,
        next_token,
        limit,
    };
    let page = target_handlers::list(world.call(ALICE), input).await?;
    Ok((page.targets.unwrap(), page.next_token))
}

#[tokio::test]
async fn targets_come_and_go() {
    let world = World::new().await;
    put(&world, request("r")).await.unwrap();
    let full = Target {
        arn: format!("{FUNCTION}:prod"),
        role_arn: text("arn:aws:iam::111111111111:role/r"),
        input: text("{\"a\": \"<aws.scheduler.execution-id>\"}"),
        dead_letter_config: Some(DeadLetterConfig {
            arn: text("arn:aws:sqs:eu-west-1:111111111111:q"),
        }),
        retry_policy: Some(RetryPolicy {
            maximum_retry_attempts: Some(0),
            maximum_event_age_in_seconds: Some(60),
        }),
        ..target("full")
    };
    let path = Target {
        input_path: text("$"),
        sqs_parameters: Some(SqsParameters::default()),
        ..target("path")
    };
    let targets = vec![full.clone(), path, target("plain")];
    put_targets(&world, "r", targets).await.unwrap();
    let (page, next) = listed(&world, "r", None, Some(2)).await.unwrap();
    assert_eq!(page, [full, target("path")]);
    let rest = listed(&world, "r", next, Some(2)).await.unwrap();
    assert_eq!(rest, (vec![target("plain")], None));
    not_found(listed(&world, "none", None, None).await, NONE);

    put(&world, request("q")).await.unwrap();
    assert_eq!(
        listed(&world, "q", None, None).await.unwrap(),
        (vec![], None)
    );
    put_targets(&world, "q", vec![target("x")]).await.unwrap();
    let rules = async |arn: &str| {
        let input = ListRuleNamesByTargetRequest {
            target_arn: arn.to_owned(),
            ..ListRuleNamesByTargetRequest::default()
        };
        let page = target_handlers::rules(world.call(ALICE), input).await;
        page.unwrap().rule_names.unwrap()
    };
    assert_eq!(rules(FUNCTION).await, ["q", "r"]);
    assert_eq!(rules(&format!("{FUNCTION}:prod")).await, ["r"]);
    assert_eq!(
        rules("arn:aws:sqs:eu-west-1:111111111111:q").await,
        Vec::<String>::new()
    );

    let remove = async |rule: &str, ids: &[&str]| {
        let input = RemoveTargetsRequest {
            rule: rule.to_owned(),
            ids: ids.iter().map(|id| (*id).to_owned()).collect(),
            ..RemoveTargetsRequest::default()
        };
        let removed = target_handlers::remove(world.call(ALICE), input).await?;
        Ok::<_, Fault>((removed.failed_entry_count, removed.failed_entries.unwrap()))
    };
    assert_eq!(remove("r", &["full"]).await.unwrap(), (Some(0), vec![]));
    let entry = RemoveTargetsResultEntry {
        target_id: text("full"),
        error_code: text("ResourceNotFoundException"),
        error_message: text("Rule 'r' does not have a target with the Id 'full'."),
    };
    let removed = remove("r", &["full", "path"]).await.unwrap();
    assert_eq!(removed, (Some(1), vec![entry]));
    let left = listed(&world, "r", None, None).await.unwrap().0;
    assert_eq!(left, [target("plain")]);
    not_found(remove("none", &["x"]).await, NONE);
}

#[tokio::test]
async fn a_rule_has_five_targets() {
    let world = World::new().await;
    put(&world, request("r")).await.unwrap();
    let six: Vec<_> = ["a", "b", "c", "d", "e", "f"].map(target).into();
    let limit = "The requested resource exceeds the maximum number allowed.";
    let code = "LimitExceededException";
    refused(put_targets(&world, "r", six.clone()).await, code, limit);
    put_targets(&world, "r", six[..5].to_vec()).await.unwrap();
    put_targets(&world, "r", six[..5].to_vec()).await.unwrap();
    refused(
        put_targets(&world, "r", six[5..].to_vec()).await,
        code,
        limit,
    );
    not_found(put_targets(&world, "none", six[..1].to_vec()).await, NONE);
    invalid(
        put_targets(&world, "r", vec![target("a"), target("a")]).await,
        "Parameter targets is not valid. Reason: More than one target with Id 'a' is provided.",
    );
}

/// A rule without targets, and a target that it does not take: nor the good one beside it.
async fn refuses(world: &World, change: impl FnOnce(&mut Target), want: &str) {
    let mut bad = target("t");
    change(&mut bad);
    let targets = vec![target("good"), bad];
    invalid(put_targets(world, "r", targets).await, want);
    assert_eq!(listed(world, "r", None, None).await.unwrap().0, []);
}

#[tokio::test]
async fn targets_are_functions() {
    let world = World::new().await;
    put(&world, request("r")).await.unwrap();
    for (arn, want) in [
        (
            "f",
            "Parameter f is not valid. Reason: Provided Arn is not in correct format.",
        ),
        (
            "arn:aws:sqs:eu-west-1:111111111111:q",
            "A target of sqs instead of a Lambda function's ARN is not supported by Tollgate yet.",
        ),
        (
            "arn:aws:s3:::bucket",
            "s3 is not a supported service for a target.",
        ),
        (
            "arn:aws:lambda:us-east-1:111111111111:function:f",
            "Parameter arn:aws:lambda:us-east-1:111111111111:function:f is not valid. Reason: The function is not one \
             of account 111111111111 in eu-west-1.",
        ),
        (
            "arn:aws:lambda:eu-west-1:222222222222:function:f",
            "Parameter arn:aws:lambda:eu-west-1:222222222222:function:f is not valid. Reason: The function is not one \
             of account 111111111111 in eu-west-1.",
        ),
    ] {
        refuses(&world, |t| t.arn = arn.to_owned(), want).await;
    }
    let ecs = "Parameter(s) EcsParameters not supported for target: t.";
    let set = |t: &mut Target| t.ecs_parameters = Some(EcsParameters::default());
    refuses(&world, set, ecs).await;
    let http = "Parameter(s) HttpParameters not supported for target: t.";
    let set = |t: &mut Target| t.http_parameters = Some(HttpParameters::default());
    refuses(&world, set, http).await;
}

#[tokio::test]
async fn functions_take_json() {
    let world = World::new().await;
    put(&world, request("r")).await.unwrap();
    for bad in ["hello", "", "{} {}"] {
        let want = "JSON syntax error in input for target t.";
        refuses(&world, |t| t.input = text(bad), want).await;
    }
    for (path, want) in [
        ("detail", "InputPath for target t is invalid."),
        (
            "$.detail",
            "An InputPath other than $ is not supported by Tollgate yet.",
        ),
    ] {
        refuses(&world, |t| t.input_path = text(path), want).await;
    }
    let transformer = "An InputTransformer is not supported by Tollgate yet.";
    let set = |t: &mut Target| t.input_transformer = Some(InputTransformer::default());
    refuses(&world, set, transformer).await;
    let two = "Only one of Input, InputPath, or InputTransformer must be provided for target t.";
    let set = |t: &mut Target| {
        t.input = text("{}");
        t.input_path = text("$");
    };
    refuses(&world, set, two).await;
    let nul = "RoleArn must not contain the character NUL.";
    refuses(&world, |t| t.role_arn = text("\0"), nul).await;
    for (arn, want) in [
        (
            "arn:aws:sns:eu-west-1:111111111111:t",
            "sns is not supported as a dead letter resource.",
        ),
        (
            "arn:aws:sqs:eu-west-1:111111111111:q.fifo",
            "SQS FIFO is not supported by Dead Letter Queues.",
        ),
        (
            "q",
            "Parameter q is not valid. Reason: Provided Arn is not in correct format.",
        ),
    ] {
        let config = DeadLetterConfig { arn: text(arn) };
        refuses(&world, |t| t.dead_letter_config = Some(config), want).await;
    }
}
