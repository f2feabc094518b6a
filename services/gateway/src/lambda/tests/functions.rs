use aws_model::Blob;
use aws_model::lambda::{
    CreateFunctionRequest, DeadLetterConfig, DeleteFunctionRequest, EphemeralStorage, FunctionCode,
    GetAccountSettingsRequest, GetFunctionRequest, ListFunctionsRequest, LoggingConfig, SnapStart,
    TracingConfig, VpcConfig,
};

use super::*;
use crate::lambda::account_settings;
use crate::samples::BOB;

fn get_request(name: &str, qualifier: Option<&str>) -> GetFunctionRequest {
    GetFunctionRequest {
        function_name: name.to_owned(),
        qualifier: qualifier.map(str::to_owned),
    }
}

#[tokio::test]
async fn a_function_is_created_and_read() {
    let world = World::new().await;
    let input = CreateFunctionRequest {
        description: text("says hello"),
        timeout: Some(9),
        memory_size: Some(512),
        ephemeral_storage: Some(EphemeralStorage { size: 1024 }),
        environment: Some(environment(&[("TABLE", "orders")])),
        architectures: Some(vec!["arm64".to_owned()]),
        tracing_config: Some(TracingConfig {
            mode: text("Active"),
        }),
        tags: Some(map(&[("team", "a")])),
        ..request("f")
    };
    let created = handlers::create(world.call(ALICE), input).await.unwrap();
    assert_eq!(created.state.as_deref(), Some("Pending"));
    assert_eq!(
        created.state_reason.as_deref(),
        Some("The function is being created.")
    );
    assert_eq!(created.state_reason_code.as_deref(), Some("Creating"));
    assert_eq!(created.last_update_status, None);
    assert_eq!(created.function_arn.as_deref(), Some(ARN));
    assert_eq!(created.version.as_deref(), Some("$LATEST"));
    assert_eq!(
        created.last_modified.as_deref(),
        Some("2026-11-23T10:00:00.250+0000")
    );
    assert_eq!((created.timeout, created.memory_size), (Some(9), Some(512)));
    assert_eq!(created.master_arn, None);

    let got = handlers::get(world.call(ALICE), get_request("f", None))
        .await
        .unwrap();
    let configuration = got.configuration.unwrap();
    assert_eq!(configuration.state.as_deref(), Some("Active"));
    assert_eq!(configuration.state_reason, None);
    assert_eq!(
        configuration.last_update_status.as_deref(),
        Some("Successful")
    );
    let mut as_created = configuration.clone();
    (as_created.state, as_created.last_update_status) = (created.state.clone(), None);
    as_created.state_reason = created.state_reason.clone();
    as_created.state_reason_code = created.state_reason_code.clone();
    assert_eq!(as_created, created);
    assert_eq!(
        configuration.environment.unwrap().variables,
        Some(map(&[("TABLE", "orders")]))
    );
    assert_eq!(configuration.architectures, Some(vec!["arm64".to_owned()]));
    assert_eq!(got.tags, Some(map(&[("team", "a")])));
    assert_eq!(got.concurrency, None);
    let code = got.code.unwrap();
    assert_eq!(code.repository_type.as_deref(), Some("S3"));
    assert!(
        code.location
            .unwrap()
            .starts_with("http://127.0.0.1:9400/_tollgate/code/")
    );
}

#[tokio::test]
async fn a_function_is_deleted_once() {
    let world = World::new().await;
    create(&world, "f").await;
    let delete = |name: &str| DeleteFunctionRequest {
        function_name: name.into(),
        qualifier: None,
    };
    let deleted = handlers::delete(world.call(ALICE), delete("f"))
        .await
        .unwrap();
    assert_eq!(deleted.status_code, Some(204));
    let gone = format!("Function not found: {ARN}");
    not_found(
        handlers::delete(world.call(ALICE), delete("f")).await,
        &gone,
    );
    not_found(
        handlers::get(world.call(ALICE), get_request("f", None)).await,
        &gone,
    );
}

#[tokio::test]
async fn defaults_are_awss() {
    let world = World::new().await;
    let created = create(&world, "f").await;
    assert_eq!(created.description.as_deref(), Some(""));
    assert_eq!((created.timeout, created.memory_size), (Some(3), Some(128)));
    assert_eq!(
        created.ephemeral_storage,
        Some(EphemeralStorage { size: 512 })
    );
    assert_eq!(created.environment, None);
    assert_eq!(created.package_type.as_deref(), Some("Zip"));
    assert_eq!(created.architectures, Some(vec!["x86_64".to_owned()]));
    assert_eq!(
        created.tracing_config.unwrap().mode.as_deref(),
        Some("PassThrough")
    );
    let logging = created.logging_config.unwrap();
    assert_eq!(logging.log_format.as_deref(), Some("Text"));
    assert_eq!(logging.log_group.as_deref(), Some("/aws/lambda/f"));
    assert_eq!(
        (logging.application_log_level, logging.system_log_level),
        (None, None)
    );
    let snap_start = created.snap_start.unwrap();
    assert_eq!(snap_start.optimization_status.as_deref(), Some("Off"));
    let runtime = created
        .runtime_version_config
        .unwrap()
        .runtime_version_arn
        .unwrap();
    assert!(
        runtime.starts_with("arn:aws:lambda:eu-west-1::runtime:"),
        "{runtime}"
    );
    assert_eq!(runtime.rsplit(':').next().unwrap().len(), 64);
}

#[tokio::test]
async fn a_name_is_taken_once_per_account() {
    let world = World::new().await;
    create(&world, "f").await;
    let again = handlers::create(world.call(ALICE), request("f")).await;
    refused(
        again,
        409,
        "ResourceConflictException",
        "Function already exist: f",
    );
    let arn = "arn:aws:lambda:eu-west-1:222222222222:function:f";
    let other = handlers::create(world.call(BOB), request("f"))
        .await
        .unwrap();
    assert_eq!(other.function_arn.as_deref(), Some(arn));
}

#[tokio::test]
async fn what_creation_refuses() {
    let world = World::new().await;
    let check = async |input: CreateFunctionRequest, text: &str| {
        invalid(handlers::create(world.call(ALICE), input).await, text);
    };
    let mandatory = "Runtime and Handler are mandatory parameters for functions created with deployment packages.";
    check(
        CreateFunctionRequest {
            runtime: None,
            ..request("f")
        },
        mandatory,
    )
    .await;
    check(
        CreateFunctionRequest {
            handler: None,
            ..request("f")
        },
        mandatory,
    )
    .await;
    let unknown = CreateFunctionRequest {
        runtime: text("cobol85"),
        ..request("f")
    };
    let unknown = handlers::create(world.call(ALICE), unknown)
        .await
        .unwrap_err();
    assert_eq!(unknown.code(), "InvalidParameterValueException");
    assert!(
        unknown
            .message()
            .starts_with("Value cobol85 at 'runtime' failed to satisfy constraint")
    );
    let retired = CreateFunctionRequest {
        runtime: text("python3.7"),
        ..request("f")
    };
    check(
        retired,
        "The runtime parameter of python3.7 is no longer supported for creating or updating AWS Lambda functions. We \
         recommend you use the new runtime (python3.13) while creating or updating functions.",
    )
    .await;
}

#[tokio::test]
async fn environments_and_tags_that_creation_refuses() {
    let world = World::new().await;
    let check = async |input: CreateFunctionRequest, text: &str| {
        invalid(handlers::create(world.call(ALICE), input).await, text);
    };
    let reserved = CreateFunctionRequest {
        environment: Some(environment(&[("AWS_REGION", "x"), ("A", "y")])),
        ..request("f")
    };
    check(
        reserved,
        "Lambda was unable to configure your environment variables because the environment variables you have provided \
         contains reserved keys that are currently not supported for modification. Reserved keys used in this request: \
         AWS_REGION",
    )
    .await;
    let tags: Vec<_> = (0..51).map(|n| format!("k{n}")).collect();
    let tags = tags.into_iter().map(|key| (key, String::new())).collect();
    let tagged = CreateFunctionRequest {
        tags: Some(tags),
        ..request("f")
    };
    check(tagged, "Number of tags exceeds resource tag limit.").await;
    let tagged = CreateFunctionRequest {
        tags: Some(map(&[("aws:x", "")])),
        ..request("f")
    };
    check(
        tagged,
        "aws: prefixed tag key names are not allowed for external use.",
    )
    .await;
    let nul = CreateFunctionRequest {
        description: text("a\0b"),
        ..request("f")
    };
    check(nul, "Description must not contain the character NUL.").await;
    let levels = LoggingConfig {
        system_log_level: text("WARN"),
        ..LoggingConfig::default()
    };
    let levels = CreateFunctionRequest {
        logging_config: Some(levels),
        ..request("f")
    };
    check(
        levels,
        "LogLevel is not supported when LogFormat is set to \"Text\". Remove LogLevel from your request or change the \
         LogFormat to \"Json\" and try again.",
    )
    .await;
}

#[tokio::test]
async fn an_environment_ends_at_4_kb_and_its_values_stay_secret() {
    let world = World::new().await;
    // {"LARGE_VAR":"..."} is 16 bytes and the value.
    let with = |bytes: usize| CreateFunctionRequest {
        environment: Some(environment(&[("LARGE_VAR", &"x".repeat(bytes))])),
        ..request("f")
    };
    invalid(
        handlers::create(world.call(ALICE), with(4096 - 15)).await,
        "Lambda was unable to configure your environment variables because the environment variables you have provided \
         exceeded the 4KB limit. String measured: {\"LARGE_VAR\":\"***\"}",
    );
    handlers::create(world.call(ALICE), with(4096 - 16))
        .await
        .unwrap();
}

#[tokio::test]
async fn what_is_not_supported_says_so() {
    let world = World::new().await;
    let check = async |what: &str, input: CreateFunctionRequest| {
        let text = format!("{what} is not supported by Tollgate yet.");
        invalid(handlers::create(world.call(ALICE), input).await, &text);
    };
    let vpc = VpcConfig {
        subnet_ids: Some(vec!["subnet-1".into()]),
        ..VpcConfig::default()
    };
    check(
        "VpcConfig",
        CreateFunctionRequest {
            vpc_config: Some(vpc),
            ..request("f")
        },
    )
    .await;
    let layers = CreateFunctionRequest {
        layers: Some(vec!["l".into()]),
        ..request("f")
    };
    check("Layers", layers).await;
    let snap = SnapStart {
        apply_on: text("PublishedVersions"),
    };
    check(
        "SnapStart",
        CreateFunctionRequest {
            snap_start: Some(snap),
            ..request("f")
        },
    )
    .await;
    let group = LoggingConfig {
        log_group: text("/mine"),
        ..LoggingConfig::default()
    };
    let group = CreateFunctionRequest {
        logging_config: Some(group),
        ..request("f")
    };
    check(
        "A LogGroup other than /aws/lambda/ and the function's name",
        group,
    )
    .await;
    let image = CreateFunctionRequest {
        package_type: text("Image"),
        ..request("f")
    };
    check("PackageType Image", image).await;
}

#[tokio::test]
async fn values_that_mean_none_pass() {
    let world = World::new().await;
    let empty = CreateFunctionRequest {
        vpc_config: Some(VpcConfig {
            subnet_ids: Some(vec![]),
            ..VpcConfig::default()
        }),
        dead_letter_config: Some(DeadLetterConfig { target_arn: None }),
        layers: Some(vec![]),
        file_system_configs: Some(vec![]),
        kms_key_arn: text(""),
        snap_start: Some(SnapStart {
            apply_on: text("None"),
        }),
        ..request("f")
    };
    handlers::create(world.call(ALICE), empty).await.unwrap();
}

#[tokio::test]
async fn sources_of_code() {
    let world = World::new().await;
    let check = async |code: FunctionCode, text: &str| {
        let input = CreateFunctionRequest {
            code,
            ..request("f")
        };
        invalid(handlers::create(world.call(ALICE), input).await, text);
    };
    let none = FunctionCode::default();
    check(none, "Please provide a source for function code.").await;
    let s3 = FunctionCode {
        s3_bucket: text("b"),
        s3_key: text("k"),
        ..FunctionCode::default()
    };
    let s3_text = "Code from S3 (S3Bucket, S3Key): send it as ZipFile; S3 as a source is not supported by Tollgate yet.";
    check(s3.clone(), s3_text).await;
    let both = FunctionCode {
        zip_file: code("x").zip_file,
        ..s3
    };
    let both_text = "Please do not provide other FunctionCode parameters when providing a ZipFile.";
    check(both, both_text).await;
    let zip = |bytes: &[u8]| FunctionCode {
        zip_file: Some(Blob(bytes.to_vec())),
        ..FunctionCode::default()
    };
    check(zip(b""), "Uploaded file must be a non-empty zip").await;
    let broken = "Could not unzip uploaded file. Please check your file, then try to upload again.";
    check(zip(b"not a zip"), broken).await;
    check(zip(&crate::samples::zip("../f.py", "x")), broken).await;
    let huge = CreateFunctionRequest {
        code: zip(&vec![0; 52_428_801]),
        ..request("f")
    };
    refused(
        handlers::create(world.call(ALICE), huge).await,
        413,
        "RequestEntityTooLargeException",
        "Zipped size must be smaller than 52428800 bytes",
    );
    // Nothing of all this is a function.
    let all = handlers::list(world.call(ALICE), ListFunctionsRequest::default())
        .await
        .unwrap();
    assert_eq!(all.functions, Some(vec![]));
}

#[tokio::test]
async fn listings_go_on_where_they_ended() {
    let world = World::new().await;
    for name in ["c", "a", "b"] {
        create(&world, name).await;
    }
    handlers::create(world.call(BOB), request("z"))
        .await
        .unwrap();
    let list = async |marker: Option<String>| {
        let input = ListFunctionsRequest {
            marker,
            max_items: Some(2),
            ..ListFunctionsRequest::default()
        };
        let page = handlers::list(world.call(ALICE), input).await.unwrap();
        let names = page
            .functions
            .unwrap()
            .into_iter()
            .filter_map(|f| f.function_name);
        (names.collect::<Vec<_>>(), page.next_marker)
    };
    let (names, marker) = list(None).await;
    assert_eq!(names, ["a", "b"]);
    assert!(marker.is_some());
    assert_eq!(list(marker).await, (vec!["c".to_owned()], None));
    let all = ListFunctionsRequest {
        function_version: text("ALL"),
        ..Default::default()
    };
    let page = handlers::list(world.call(ALICE), all)
        .await
        .unwrap()
        .functions
        .unwrap();
    let arn = "arn:aws:lambda:eu-west-1:111111111111:function:a:$LATEST";
    assert_eq!(page[0].function_arn.as_deref(), Some(arn));
    assert_eq!(
        (&page[0].state, &page[0].runtime_version_config),
        (&None, &None)
    );
    let bad = ListFunctionsRequest {
        marker: text("%%"),
        ..ListFunctionsRequest::default()
    };
    let bad = handlers::list(world.call(ALICE), bad).await;
    invalid(bad, "The Marker is not one that this listing has answered.");
}

#[tokio::test]
async fn account_settings_count() {
    let world = World::new().await;
    let created = create(&world, "f").await;
    create(&world, "g").await;
    let settings = account_settings::get(world.call(ALICE), GetAccountSettingsRequest {}).await;
    let settings = settings.unwrap();
    let usage = settings.account_usage.unwrap();
    assert_eq!(usage.function_count, Some(2));
    assert_eq!(
        usage.total_code_size,
        created.code_size.map(|size| 2 * size)
    );
    let limit = settings.account_limit.unwrap();
    assert_eq!(limit.total_code_size, Some(80_530_636_800));
    assert_eq!(
        (limit.code_size_zipped, limit.code_size_unzipped),
        (Some(52_428_800), Some(262_144_000))
    );
    assert_eq!(limit.concurrent_executions, Some(1000));
}
