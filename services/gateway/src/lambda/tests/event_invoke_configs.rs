use aws_model::lambda::{
    CreateAliasRequest, DeleteFunctionEventInvokeConfigRequest, DestinationConfig,
    FunctionEventInvokeConfig, GetFunctionEventInvokeConfigRequest,
    ListFunctionEventInvokeConfigsRequest, OnFailure, OnSuccess,
    PutFunctionEventInvokeConfigRequest, UpdateFunctionEventInvokeConfigRequest,
};

use super::*;
use crate::lambda::{aliases, event_invoke_configs as configs};
use crate::samples::BOB;

const QUEUE: &str = "arn:aws:sqs:eu-west-1:111111111111:q";
const BUCKET: &str = "arn:aws:s3:::my-bucket";
const MISSING: &str = "The function doesn't exist.";
const NOTHING_SET: &str = "You must specify at least one of error handling or destination setting.";

/// `f` with version 1 and the alias `prod`, and `g`.
async fn world() -> World {
    let world = World::new().await;
    let input = CreateFunctionRequest {
        publish: Some(true),
        ..request("f")
    };
    handlers::create(world.call(ALICE), input).await.unwrap();
    create(&world, "g").await;
    let input = CreateAliasRequest {
        function_name: "f".to_owned(),
        name: "prod".to_owned(),
        function_version: "1".to_owned(),
        ..CreateAliasRequest::default()
    };
    aliases::create(world.call(ALICE), input).await.unwrap();
    world
}

fn put(name: &str) -> PutFunctionEventInvokeConfigRequest {
    PutFunctionEventInvokeConfigRequest {
        function_name: name.to_owned(),
        ..PutFunctionEventInvokeConfigRequest::default()
    }
}

fn update(name: &str) -> UpdateFunctionEventInvokeConfigRequest {
    UpdateFunctionEventInvokeConfigRequest {
        function_name: name.to_owned(),
        ..UpdateFunctionEventInvokeConfigRequest::default()
    }
}

/// `Some("")` is a side without an ARN.
#[expect(
    clippy::unnecessary_wraps,
    reason = "a member of a request is an option"
)]
fn destinations(success: Option<&str>, failure: Option<&str>) -> Option<DestinationConfig> {
    let arn = |arn: &str| Some(arn.to_owned()).filter(|arn| !arn.is_empty());
    Some(DestinationConfig {
        on_success: success.map(|text| OnSuccess {
            destination: arn(text),
        }),
        on_failure: failure.map(|text| OnFailure {
            destination: arn(text),
        }),
    })
}

async fn done(
    world: &World,
    input: PutFunctionEventInvokeConfigRequest,
) -> Result<FunctionEventInvokeConfig, Fault> {
    configs::put(world.call(ALICE), input).await
}

async fn changed(
    world: &World,
    input: UpdateFunctionEventInvokeConfigRequest,
) -> Result<FunctionEventInvokeConfig, Fault> {
    configs::update(world.call(ALICE), input).await
}

async fn got(
    world: &World,
    name: &str,
    qualifier: Option<&str>,
) -> Result<FunctionEventInvokeConfig, Fault> {
    let input = GetFunctionEventInvokeConfigRequest {
        function_name: name.to_owned(),
        qualifier: qualifier.map(str::to_owned),
    };
    configs::get(world.call(ALICE), input).await
}

#[tokio::test]
async fn a_put_replaces_everything_and_an_update_only_what_it_names() {
    let world = world().await;
    let full = PutFunctionEventInvokeConfigRequest {
        maximum_retry_attempts: Some(0),
        maximum_event_age_in_seconds: Some(60),
        destination_config: destinations(Some(QUEUE), Some(BUCKET)),
        ..put("f")
    };
    let answer = done(&world, full.clone()).await.unwrap();
    let want = FunctionEventInvokeConfig {
        last_modified: Some(1_795_428_000.25),
        function_arn: text(&format!("{ARN}:$LATEST")),
        maximum_retry_attempts: Some(0),
        maximum_event_age_in_seconds: Some(60),
        destination_config: destinations(Some(QUEUE), Some(BUCKET)),
    };
    assert_eq!(answer, want);
    assert_eq!(got(&world, "f", Some("$LATEST")).await.unwrap(), want);

    let input = UpdateFunctionEventInvokeConfigRequest {
        maximum_retry_attempts: Some(1),
        destination_config: destinations(Some(""), None),
        ..update("f")
    };
    let want = FunctionEventInvokeConfig {
        maximum_retry_attempts: Some(1),
        destination_config: destinations(Some(""), Some(BUCKET)),
        ..want
    };
    assert_eq!(changed(&world, input).await.unwrap(), want);
    assert_eq!(got(&world, "f", None).await.unwrap(), want);

    let input = PutFunctionEventInvokeConfigRequest {
        maximum_event_age_in_seconds: Some(120),
        ..put("f")
    };
    let want = FunctionEventInvokeConfig {
        maximum_retry_attempts: None,
        maximum_event_age_in_seconds: Some(120),
        destination_config: destinations(Some(""), Some("")),
        ..want
    };
    assert_eq!(done(&world, input).await.unwrap(), want);
    assert_eq!(got(&world, "f", None).await.unwrap(), want);
    invalid(done(&world, put("f")).await, NOTHING_SET);
    invalid(changed(&world, update("nobody")).await, NOTHING_SET);
}

#[tokio::test]
async fn versions_and_aliases_have_configs_of_their_own() {
    let world = world().await;
    let retries = |name: &str, qualifier: Option<&str>, n: i32| {
        let input = PutFunctionEventInvokeConfigRequest {
            qualifier: qualifier.map(str::to_owned),
            maximum_retry_attempts: Some(n),
            ..put(name)
        };
        done(&world, input)
    };
    let check = async |name: &str, qualifier: Option<&str>, want: &str| {
        let answer = retries(name, qualifier, 1).await.unwrap();
        assert_eq!(answer.function_arn, text(&format!("{ARN}:{want}")));
    };
    check("f", None, "$LATEST").await;
    check("f", Some("$LATEST"), "$LATEST").await;
    check("f:1", None, "1").await;
    check("f", Some("prod"), "prod").await;
    check("f:prod", Some("prod"), "prod").await;
    check(&format!("{ARN}:prod"), None, "prod").await;
    invalid(
        retries("f:prod", Some("1"), 1).await,
        "The derived qualifier from the function name does not match the specified qualifier.",
    );
    not_found(retries("f", Some("beta"), 1).await, MISSING);
    not_found(retries("f:7", None, 1).await, MISSING);
    not_found(retries("nobody", None, 1).await, MISSING);
    not_found(
        got(&world, "nobody", None).await,
        "The function arn:aws:lambda:eu-west-1:111111111111:function:nobody:$LATEST doesn't have an EventInvokeConfig",
    );
    let input = UpdateFunctionEventInvokeConfigRequest {
        maximum_retry_attempts: Some(1),
        ..update("nobody")
    };
    not_found(changed(&world, input).await, MISSING);
    let input = UpdateFunctionEventInvokeConfigRequest {
        maximum_retry_attempts: Some(1),
        ..update("g")
    };
    not_found(
        changed(&world, input).await,
        "The function arn:aws:lambda:eu-west-1:111111111111:function:g:$LATEST doesn't have an EventInvokeConfig",
    );
}

#[tokio::test]
async fn destinations_must_be_able_to_take_a_record() {
    let world = world().await;
    let with = |success: Option<&str>, failure: Option<&str>| {
        let input = PutFunctionEventInvokeConfigRequest {
            destination_config: destinations(success, failure),
            ..put("f:prod")
        };
        done(&world, input)
    };
    let g = "arn:aws:lambda:eu-west-1:111111111111:function:g";
    for arn in [
        g,
        &format!("{g}:$LATEST"),
        QUEUE,
        "arn:aws:sns:us-east-1:222222222222:t",
        "arn:aws:events:eu-west-1:111111111111:event-bus/default",
    ] {
        let answer = with(Some(arn), Some(arn)).await.unwrap();
        let config = answer.destination_config.unwrap();
        assert_eq!(config.on_success.unwrap().destination, text(arn));
    }
    with(None, Some(BUCKET)).await.unwrap();
    let own = "You can't specify the function as a destination for itself.";
    invalid(with(Some(ARN), None).await, own);
    invalid(with(None, Some(&format!("{ARN}:1"))).await, own);
    for missing in [
        "arn:aws:lambda:eu-west-1:111111111111:function:nobody",
        "arn:aws:lambda:eu-west-1:111111111111:function:g:prod",
        "arn:aws:lambda:us-east-1:111111111111:function:g",
        "arn:aws:lambda:eu-west-1:222222222222:function:g",
    ] {
        let want = format!("The destination ARN {missing} is invalid.");
        invalid(with(Some(missing), None).await, &want);
    }
    invalid(
        with(Some(BUCKET), Some(QUEUE)).await,
        &format!(
            "The provided destination config DestinationConfig(onSuccess=OnSuccess(destination={BUCKET}), \
             onFailure=OnFailure(destination={QUEUE})) is invalid."
        ),
    );
    let fifo = format!("{QUEUE}.fifo");
    invalid(
        with(None, Some(&fifo)).await,
        &format!(
            "The provided destination config DestinationConfig(onSuccess=null, \
             onFailure=OnFailure(destination={fifo})) is invalid."
        ),
    );
    assert!(with(Some("kafka://topic"), None).await.is_err());
}

#[tokio::test]
async fn listings_page_and_deletions_are_for_good() {
    let world = world().await;
    let list = async |account: u64, marker: Option<String>, max_items: Option<i32>| {
        let input = ListFunctionEventInvokeConfigsRequest {
            function_name: "f".to_owned(),
            marker,
            max_items,
        };
        let page = configs::list(world.call(account), input).await?;
        let arns = page.function_event_invoke_configs.unwrap_or_default();
        let arns: Vec<_> = arns.into_iter().filter_map(|c| c.function_arn).collect();
        Ok::<_, Fault>((arns, page.next_marker))
    };
    assert_eq!(list(ALICE, None, None).await.unwrap(), (vec![], None));
    not_found(list(BOB, None, None).await, MISSING);
    for qualifier in ["prod", "1", "$LATEST"] {
        let input = PutFunctionEventInvokeConfigRequest {
            qualifier: text(qualifier),
            maximum_retry_attempts: Some(1),
            ..put("f")
        };
        done(&world, input).await.unwrap();
    }
    let arns = ["$LATEST", "1", "prod"].map(|qualifier| format!("{ARN}:{qualifier}"));
    let (first, marker) = list(ALICE, None, Some(2)).await.unwrap();
    assert_eq!(first, arns[..2]);
    let (rest, end) = list(ALICE, marker, Some(2)).await.unwrap();
    assert_eq!((rest.as_slice(), end), (&arns[2..], None));
    invalid(
        list(ALICE, text("?"), None).await,
        "The Marker is not one that this listing has answered.",
    );

    let delete = async |qualifier: Option<&str>| {
        let input = DeleteFunctionEventInvokeConfigRequest {
            function_name: "f".to_owned(),
            qualifier: qualifier.map(str::to_owned),
        };
        configs::delete(world.call(ALICE), input).await
    };
    delete(None).await.unwrap();
    delete(Some("1")).await.unwrap();
    let (left, _) = list(ALICE, None, None).await.unwrap();
    assert_eq!(left, arns[2..]);
    not_found(
        delete(None).await,
        &format!("The function {ARN}:$LATEST doesn't have an EventInvokeConfig"),
    );
}
