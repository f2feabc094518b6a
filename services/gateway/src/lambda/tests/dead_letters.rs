use aws_model::lambda::{
    DeadLetterConfig, GetFunctionConfigurationRequest, PublishVersionRequest,
    UpdateFunctionConfigurationRequest,
};

use super::*;
use crate::lambda::versions;

const QUEUE: &str = "arn:aws:sqs:eu-west-1:111111111111:q";
const TOPIC: &str = "arn:aws:sns:eu-west-1:111111111111:t";

fn config(target: &str) -> DeadLetterConfig {
    DeadLetterConfig {
        target_arn: text(target),
    }
}

fn target(answer: &FunctionConfiguration) -> Option<&str> {
    answer.dead_letter_config.as_ref()?.target_arn.as_deref()
}

async fn update(
    world: &World,
    config: Option<DeadLetterConfig>,
) -> Result<FunctionConfiguration, Fault> {
    let input = UpdateFunctionConfigurationRequest {
        function_name: "f".to_owned(),
        dead_letter_config: config,
        ..UpdateFunctionConfigurationRequest::default()
    };
    handlers::update_configuration(world.call(ALICE), input).await
}

async fn get(world: &World, qualifier: Option<&str>) -> FunctionConfiguration {
    let input = GetFunctionConfigurationRequest {
        function_name: "f".to_owned(),
        qualifier: qualifier.map(str::to_owned),
    };
    handlers::get_configuration(world.call(ALICE), input)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_target_is_set_locked_in_by_a_publish_and_taken_away() {
    let world = World::new().await;
    let input = CreateFunctionRequest {
        dead_letter_config: Some(config(QUEUE)),
        ..request("f")
    };
    let created = handlers::create(world.call(ALICE), input).await.unwrap();
    assert_eq!(target(&created), Some(QUEUE));
    let input = PublishVersionRequest {
        function_name: "f".to_owned(),
        ..PublishVersionRequest::default()
    };
    let published = versions::publish(world.call(ALICE), input).await.unwrap();
    assert_eq!(target(&published), Some(QUEUE));
    let updated = update(&world, Some(config(TOPIC))).await.unwrap();
    assert_eq!(target(&updated), Some(TOPIC));
    // Another setting leaves it alone.
    update(&world, None).await.unwrap();
    assert_eq!(target(&get(&world, None).await), Some(TOPIC));
    let updated = update(&world, Some(config(""))).await.unwrap();
    assert_eq!(updated.dead_letter_config, None);
    assert_eq!(get(&world, None).await.dead_letter_config, None);
    assert_eq!(target(&get(&world, Some("1")).await), Some(QUEUE));
}

#[tokio::test]
async fn what_takes_dead_letters() {
    let world = World::new().await;
    create(&world, "f").await;
    create(&world, "g").await;
    let function = "arn:aws:lambda:eu-west-1:111111111111:function:g";
    let updated = update(&world, Some(config(function))).await.unwrap();
    assert_eq!(target(&updated), Some(function));
    let check = async |target: &str| {
        let want = format!(
            "The dead-letter target {target} is invalid. It must be the ARN of a standard SQS queue, a standard SNS \
             topic or a function."
        );
        invalid(update(&world, Some(config(target))).await, &want);
    };
    check("arn:aws:sqs:eu-west-1:111111111111:q.fifo").await;
    check("arn:aws:sns:eu-west-1:111111111111:t.fifo").await;
    check("arn:aws:s3:::bucket").await;
    check("arn:aws:events:eu-west-1:111111111111:event-bus/default").await;
    check("arn:aws:iam::111111111111:role/r").await;
    invalid(
        update(&world, Some(config(ARN))).await,
        "You can't specify the function as a destination for itself.",
    );
    let missing = format!("{function}:prod");
    invalid(
        update(&world, Some(config(&missing))).await,
        &format!("The destination ARN {missing} is invalid."),
    );
    let input = CreateFunctionRequest {
        dead_letter_config: Some(config("arn:aws:s3:::bucket")),
        ..request("h")
    };
    assert!(handlers::create(world.call(ALICE), input).await.is_err());
}
