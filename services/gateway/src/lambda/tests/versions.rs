use aws_model::lambda::{
    CreateFunctionRequest, DeleteFunctionRequest, GetFunctionRequest,
    ListVersionsByFunctionRequest, PublishVersionRequest, UpdateFunctionConfigurationRequest,
};

use super::*;
use crate::lambda::versions;

fn publish_request() -> PublishVersionRequest {
    PublishVersionRequest {
        function_name: "f".to_owned(),
        ..Default::default()
    }
}

async fn describe(world: &World, description: &str) {
    let input = UpdateFunctionConfigurationRequest {
        function_name: "f".to_owned(),
        description: text(description),
        ..Default::default()
    };
    handlers::update_configuration(world.call(ALICE), input)
        .await
        .unwrap();
}

#[tokio::test]
async fn versions_are_published_and_listed() {
    let world = World::new().await;
    let input = CreateFunctionRequest {
        publish: Some(true),
        ..request("f")
    };
    let created = handlers::create(world.call(ALICE), input).await.unwrap();
    // As AWS: the version's number in an answer whose ARN has none.
    assert_eq!(created.version.as_deref(), Some("1"));
    assert_eq!(created.function_arn.as_deref(), Some(ARN));
    assert_eq!(created.state.as_deref(), Some("Pending"));
    let again = versions::publish(world.call(ALICE), publish_request())
        .await
        .unwrap();
    assert_eq!(again.version.as_deref(), Some("1"));
    assert_eq!(again.revision_id, created.revision_id);
    describe(&world, "second").await;
    let described = PublishVersionRequest {
        description: text("v2"),
        ..publish_request()
    };
    let second = versions::publish(world.call(ALICE), described)
        .await
        .unwrap();
    assert_eq!(second.version.as_deref(), Some("2"));
    assert_eq!(second.description.as_deref(), Some("v2"));
    assert_eq!(second.function_arn.as_deref(), Some(&*format!("{ARN}:2")));
    assert_eq!(second.state.as_deref(), Some("Active"));
    assert_eq!(second.last_update_status.as_deref(), Some("Successful"));

    let list = async |marker: Option<String>| {
        let input = ListVersionsByFunctionRequest {
            function_name: "f".to_owned(),
            marker,
            max_items: Some(2),
        };
        let page = versions::list(world.call(ALICE), input).await.unwrap();
        let arns = page
            .versions
            .unwrap()
            .into_iter()
            .filter_map(|version| version.function_arn);
        (arns.collect::<Vec<_>>(), page.next_marker)
    };
    let (arns, marker) = list(None).await;
    assert_eq!(arns, [format!("{ARN}:$LATEST"), format!("{ARN}:1")]);
    assert_eq!(list(marker).await, (vec![format!("{ARN}:2")], None));
    let nowhere = ListVersionsByFunctionRequest {
        function_name: "g".into(),
        ..Default::default()
    };
    not_found(
        versions::list(world.call(ALICE), nowhere).await,
        "Function not found: arn:aws:lambda:eu-west-1:111111111111:function:g",
    );
}

#[tokio::test]
async fn a_publish_may_demand_code_and_revision() {
    let world = World::new().await;
    let created = create(&world, "f").await;
    let sha256 = created.code_sha256.unwrap();
    let other = PublishVersionRequest {
        code_sha256: text("nosuch"),
        ..publish_request()
    };
    invalid(
        versions::publish(world.call(ALICE), other).await,
        &format!(
            "CodeSHA256 (nosuch) is different from current CodeSHA256 in $LATEST ({sha256}). Please try again with the \
             CodeSHA256 in $LATEST."
        ),
    );
    let stale = PublishVersionRequest {
        revision_id: text("stale"),
        ..publish_request()
    };
    refused(
        versions::publish(world.call(ALICE), stale).await,
        412,
        "PreconditionFailedException",
        "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve \
         the latest Revision Id",
    );
    let right = PublishVersionRequest {
        code_sha256: Some(sha256),
        revision_id: created.revision_id,
        ..publish_request()
    };
    versions::publish(world.call(ALICE), right).await.unwrap();
    let nothing = PublishVersionRequest {
        code_sha256: text(""),
        revision_id: text(""),
        ..publish_request()
    };
    versions::publish(world.call(ALICE), nothing).await.unwrap();
}

#[tokio::test]
async fn versions_are_read_and_deleted_by_qualifier() {
    let world = World::new().await;
    create(&world, "f").await;
    versions::publish(world.call(ALICE), publish_request())
        .await
        .unwrap();
    let get = async |name: &str, qualifier: Option<&str>| {
        let input = GetFunctionRequest {
            function_name: name.to_owned(),
            qualifier: qualifier.map(str::to_owned),
        };
        let got = handlers::get(world.call(ALICE), input).await?;
        Ok::<_, Fault>(
            got.configuration
                .and_then(|answer| answer.function_arn)
                .unwrap_or_default(),
        )
    };
    assert_eq!(get("f", Some("1")).await.unwrap(), format!("{ARN}:1"));
    assert_eq!(get("f:1", None).await.unwrap(), format!("{ARN}:1"));
    assert_eq!(
        get(&format!("{ARN}:$LATEST"), None).await.unwrap(),
        format!("{ARN}:$LATEST")
    );
    not_found(
        get("f", Some("7")).await,
        &format!("Function not found: {ARN}:7"),
    );
    not_found(
        get("f", Some("0")).await,
        &format!("Function not found: {ARN}:0"),
    );
    let delete = async |qualifier: &str| {
        let input = DeleteFunctionRequest {
            function_name: "f".to_owned(),
            qualifier: Some(qualifier.to_owned()),
        };
        handlers::delete(world.call(ALICE), input).await
    };
    let latest = "$LATEST version cannot be deleted without deleting the function.";
    invalid(delete("$LATEST").await, latest);
    invalid(
        delete("prod").await,
        "Deletion of aliases is not currently supported.",
    );
    delete("1").await.unwrap();
    delete("1").await.unwrap();
    not_found(
        get("f", Some("1")).await,
        &format!("Function not found: {ARN}:1"),
    );
    assert_eq!(get("f", None).await.unwrap(), ARN);
}
