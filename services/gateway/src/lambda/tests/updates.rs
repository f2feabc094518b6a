use aws_model::lambda::{
    GetFunctionConfigurationRequest, LoggingConfig, UpdateFunctionCodeRequest,
    UpdateFunctionConfigurationRequest,
};

use super::*;

fn configuration() -> UpdateFunctionConfigurationRequest {
    UpdateFunctionConfigurationRequest {
        function_name: "f".to_owned(),
        ..Default::default()
    }
}

fn new_code(contents: &str) -> UpdateFunctionCodeRequest {
    UpdateFunctionCodeRequest {
        function_name: "f".to_owned(),
        zip_file: code(contents).zip_file,
        ..Default::default()
    }
}

async fn get(world: &World) -> FunctionConfiguration {
    let input = GetFunctionConfigurationRequest {
        function_name: "f".to_owned(),
        qualifier: None,
    };
    handlers::get_configuration(world.call(ALICE), input)
        .await
        .unwrap()
}

const STALE: &str = "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API \
                     to retrieve the latest Revision Id";

#[tokio::test]
async fn what_an_update_leaves_out_stays() {
    let world = World::new().await;
    let created = create(&world, "f").await;
    world.clock.advance(chrono::TimeDelta::seconds(5));
    let input = UpdateFunctionConfigurationRequest {
        memory_size: Some(1024),
        environment: Some(environment(&[("A", "b")])),
        revision_id: created.revision_id.clone(),
        ..configuration()
    };
    let updated = handlers::update_configuration(world.call(ALICE), input)
        .await
        .unwrap();
    assert_eq!(updated.last_update_status.as_deref(), Some("InProgress"));
    let reason = updated.last_update_status_reason.as_deref();
    assert_eq!(reason, Some("The function is being created."));
    assert_eq!(updated.state.as_deref(), Some("Active"));
    assert_eq!(
        (updated.memory_size, updated.timeout),
        (Some(1024), Some(3))
    );
    assert_eq!(
        updated.last_modified.as_deref(),
        Some("2026-11-23T10:00:05.250+0000")
    );
    assert_ne!(updated.revision_id, created.revision_id);
    let after = get(&world).await;
    assert_eq!(after.last_update_status.as_deref(), Some("Successful"));
    assert_eq!(after.revision_id, updated.revision_id);
    assert_eq!(after.handler.as_deref(), Some("f.handler"));
    assert_eq!(
        after.environment.unwrap().variables,
        Some(map(&[("A", "b")]))
    );
    // Empty is not the same as left out.
    let input = UpdateFunctionConfigurationRequest {
        environment: Some(environment(&[])),
        description: text(""),
        ..configuration()
    };
    handlers::update_configuration(world.call(ALICE), input)
        .await
        .unwrap();
    let after = get(&world).await;
    assert_eq!(after.environment.unwrap().variables, Some(map(&[])));
    assert_eq!(after.memory_size, Some(1024));
    let stale = UpdateFunctionConfigurationRequest {
        revision_id: created.revision_id,
        ..configuration()
    };
    let stale = handlers::update_configuration(world.call(ALICE), stale).await;
    refused(stale, 412, "PreconditionFailedException", STALE);
}

#[tokio::test]
async fn log_levels_follow_the_format() {
    let world = World::new().await;
    create(&world, "f").await;
    let update = async |logging: LoggingConfig| {
        let input = UpdateFunctionConfigurationRequest {
            logging_config: Some(logging),
            ..configuration()
        };
        let updated = handlers::update_configuration(world.call(ALICE), input).await?;
        let logging = updated.logging_config.unwrap();
        Ok::<_, Fault>((
            logging.log_format,
            logging.application_log_level,
            logging.system_log_level,
        ))
    };
    let level = LoggingConfig {
        application_log_level: text("DEBUG"),
        ..Default::default()
    };
    let only_json = "LogLevel is not supported when LogFormat is set to \"Text\". Remove LogLevel from your request or change the \
         LogFormat to \"Json\" and try again.";
    invalid(update(level.clone()).await, only_json);
    let json = LoggingConfig {
        log_format: text("JSON"),
        ..Default::default()
    };
    assert_eq!(
        update(json).await.unwrap(),
        (text("JSON"), text("INFO"), text("INFO"))
    );
    assert_eq!(
        update(level).await.unwrap(),
        (text("JSON"), text("DEBUG"), text("INFO"))
    );
    let plain = LoggingConfig {
        log_format: text("Text"),
        ..Default::default()
    };
    assert_eq!(update(plain).await.unwrap(), (text("Text"), None, None));
}

#[tokio::test]
async fn code_changes_and_dry_runs_do_not() {
    let world = World::new().await;
    let created = create(&world, "f").await;
    let dry = UpdateFunctionCodeRequest {
        dry_run: Some(true),
        ..new_code("print(22)")
    };
    let dry = handlers::update_code(world.call(ALICE), dry).await.unwrap();
    assert_ne!(dry.code_sha256, created.code_sha256);
    assert_eq!(get(&world).await.code_sha256, created.code_sha256);
    let stale = UpdateFunctionCodeRequest {
        revision_id: text("x"),
        ..new_code("print(22)")
    };
    let stale_dry = UpdateFunctionCodeRequest {
        dry_run: Some(true),
        ..stale.clone()
    };
    for stale in [stale, stale_dry] {
        let stale = handlers::update_code(world.call(ALICE), stale).await;
        refused(stale, 412, "PreconditionFailedException", STALE);
    }
    let updated = handlers::update_code(world.call(ALICE), new_code("print(22)"))
        .await
        .unwrap();
    assert_eq!(updated.code_sha256, dry.code_sha256);
    assert_eq!(updated.last_update_status.as_deref(), Some("InProgress"));
    assert_eq!(updated.function_arn.as_deref(), Some(ARN));
    assert_eq!(get(&world).await.code_sha256, dry.code_sha256);
}

#[tokio::test]
async fn an_update_may_publish() {
    let world = World::new().await;
    create(&world, "f").await;
    let input = UpdateFunctionCodeRequest {
        publish: Some(true),
        ..new_code("print(22)")
    };
    let published = handlers::update_code(world.call(ALICE), input)
        .await
        .unwrap();
    assert_eq!(published.version.as_deref(), Some("1"));
    assert_eq!(
        published.function_arn.as_deref(),
        Some(&*format!("{ARN}:1"))
    );
    assert_eq!(published.state.as_deref(), Some("Pending"));
    assert_eq!(published.last_update_status, None);
    assert_eq!(get(&world).await.version.as_deref(), Some("$LATEST"));
}

#[tokio::test]
async fn updates_refuse_what_is_not_there_or_not_whole() {
    let world = World::new().await;
    let missing = handlers::update_code(world.call(ALICE), new_code("x")).await;
    not_found(missing, &format!("Function not found: {ARN}"));
    let missing = handlers::update_configuration(world.call(ALICE), configuration()).await;
    not_found(missing, &format!("Function not found: {ARN}"));
    create(&world, "f").await;
    let version = UpdateFunctionCodeRequest {
        function_name: "f:1".into(),
        ..new_code("x")
    };
    invalid(
        handlers::update_code(world.call(ALICE), version).await,
        "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. \
         Please specify either a function name or an unqualified function ARN.",
    );
    let nothing = UpdateFunctionCodeRequest {
        zip_file: None,
        ..new_code("x")
    };
    let nothing = handlers::update_code(world.call(ALICE), nothing).await;
    invalid(nothing, "Please provide a source for function code.");
}
