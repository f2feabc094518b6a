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

#[tokio::test]
async fn only_functions_with_what_they_take() {
    let world = World::new().await;
    put(&world, request("r")).await.unwrap();
    let cases: [(fn(&mut Target), &str); 17] = [
        (
            |t| t.arn = "f".to_owned(),
            "Parameter f is not valid. Reason: Provided Arn is not in correct format.",
        ),
        (
            |t| t.arn = "arn:aws:sqs:eu-west-1:111111111111:q".to_owned(),
            "A target of sqs instead of a Lambda function's ARN is not supported by Tollgate yet.",
        ),
        (
            |t| t.arn = "arn:aws:s3:::bucket".to_owned(),
            "s3 is not a supported service for a target.",
        ),
        (
            |t| t.arn = t.arn.replace("eu-west-1", "us-east-1"),
            "Parameter arn:aws:lambda:us-east-1:111111111111:function:f is not valid. Reason: The function is not one \
             of account 111111111111 in eu-west-1.",
        ),
        (
            |t| t.arn = t.arn.replace("111111111111", "222222222222"),
            "Parameter arn:aws:lambda:eu-west-1:222222222222:function:f is not valid. Reason: The function is not one \
             of account 111111111111 in eu-west-1.",
        ),
        (
            |t| t.ecs_parameters = Some(EcsParameters::default()),
            "Parameter(s) EcsParameters not supported for target: t.",
        ),
        (
            |t| t.http_parameters = Some(HttpParameters::default()),
            "Parameter(s) HttpParameters not supported for target: t.",
        ),
        (
            |t| t.input = text("hello"),
            "JSON syntax error in input for target t.",
        ),
        (
            |t| t.input = text(""),
            "JSON syntax error in input for target t.",
        ),
        (
            |t| t.input_path = text("detail"),
            "InputPath for target t is invalid.",
        ),
        (
            |t| t.input_path = text("$.detail"),
            "An InputPath other than $ is not supported by Tollgate yet.",
        ),
        (
            |t| t.input_transformer = Some(InputTransformer::default()),
            "An InputTransformer is not supported by Tollgate yet.",
        ),
        (
            |t| {
                t.input = text("{}");
                t.input_path = text("$");
            },
            "Only one of Input, InputPath, or InputTransformer must be provided for target t.",
        ),
        (
            |t| {
                t.dead_letter_config = Some(DeadLetterConfig {
                    arn: text("arn:aws:sns:eu-west-1:111111111111:t"),
                })
            },
            "sns is not supported as a dead letter resource.",
        ),
        (
            |t| {
                t.dead_letter_config = Some(DeadLetterConfig {
                    arn: text("arn:aws:sqs:eu-west-1:111111111111:q.fifo"),
                })
            },
            "SQS FIFO is not supported by Dead Letter Queues.",
        ),
        (
            |t| t.dead_letter_config = Some(DeadLetterConfig { arn: text("q") }),
            "Parameter q is not valid. Reason: Provided Arn is not in correct format.",
        ),
        (
            |t| t.role_arn = text("\0"),
            "RoleArn must not contain the character NUL.",
        ),
    ];
    for (change, want) in cases {
        let mut bad = target("t");
        change(&mut bad);
        // All or none.
        invalid(
            put_targets(&world, "r", vec![target("good"), bad]).await,
            want,
        );
    }
    assert_eq!(
        listed(&world, "r", None, None).await.unwrap(),
        (vec![], None)
    );
}
