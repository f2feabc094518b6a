use aws_model::lambda::{
    AliasRoutingConfiguration, CreateAliasRequest, DeleteAliasRequest, DeleteFunctionRequest,
    GetAliasRequest, GetFunctionRequest, ListAliasesRequest, PublishVersionRequest,
    UpdateAliasRequest, UpdateFunctionConfigurationRequest,
};

use super::*;
use crate::lambda::{aliases, versions};

/// Alice's function `f` with versions 1 and 2.
async fn world() -> World {
    let world = World::new().await;
    create(&world, "f").await;
    for description in ["one", "two"] {
        let input = UpdateFunctionConfigurationRequest {
            function_name: "f".to_owned(),
            description: text(description),
            ..Default::default()
        };
        handlers::update_configuration(world.call(ALICE), input)
            .await
            .unwrap();
        let input = PublishVersionRequest {
            function_name: "f".to_owned(),
            ..Default::default()
        };
        versions::publish(world.call(ALICE), input).await.unwrap();
    }
    world
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "a member of a request is an option"
)]
fn weights(weights: &[(&str, f64)]) -> Option<AliasRoutingConfiguration> {
    let weights = weights
        .iter()
        .map(|(version, weight)| ((*version).to_owned(), *weight));
    Some(AliasRoutingConfiguration {
        additional_version_weights: Some(weights.collect()),
    })
}

fn new_alias(name: &str, version: &str) -> CreateAliasRequest {
    CreateAliasRequest {
        function_name: "f".to_owned(),
        name: name.to_owned(),
        function_version: version.to_owned(),
        ..Default::default()
    }
}

fn update(name: &str) -> UpdateAliasRequest {
    UpdateAliasRequest {
        function_name: "f".into(),
        name: name.into(),
        ..Default::default()
    }
}

fn get_request(name: &str) -> GetAliasRequest {
    GetAliasRequest {
        function_name: "f".to_owned(),
        name: name.to_owned(),
    }
}

#[tokio::test]
async fn the_life_of_an_alias() {
    let world = world().await;
    let input = CreateAliasRequest {
        description: text("live"),
        routing_config: weights(&[("2", 0.25)]),
        ..new_alias("prod", "1")
    };
    let created = aliases::create(world.call(ALICE), input).await.unwrap();
    assert_eq!(created.alias_arn.as_deref(), Some(&*format!("{ARN}:prod")));
    assert_eq!(created.function_version.as_deref(), Some("1"));
    assert_eq!(created.routing_config, weights(&[("2", 0.25)]));
    let got = aliases::get(world.call(ALICE), get_request("prod"))
        .await
        .unwrap();
    assert_eq!(got, created);
    // A function asked for by an alias answers with the alias' ARN and the version's contents.
    let input = GetFunctionRequest {
        function_name: "f".into(),
        qualifier: text("prod"),
    };
    let function = handlers::get(world.call(ALICE), input)
        .await
        .unwrap()
        .configuration
        .unwrap();
    assert_eq!(
        function.function_arn.as_deref(),
        Some(&*format!("{ARN}:prod"))
    );
    assert_eq!(function.version.as_deref(), Some("1"));
    assert_eq!(function.description.as_deref(), Some("one"));

    let unchanged = aliases::update(world.call(ALICE), update("prod"))
        .await
        .unwrap();
    assert_ne!(unchanged.revision_id, created.revision_id);
    assert_eq!(unchanged.routing_config, created.routing_config);
    let input = UpdateAliasRequest {
        routing_config: weights(&[]),
        function_version: text("2"),
        revision_id: unchanged.revision_id,
        ..update("prod")
    };
    let moved = aliases::update(world.call(ALICE), input).await.unwrap();
    assert_eq!(
        (moved.routing_config, moved.function_version.as_deref()),
        (None, Some("2"))
    );
    assert_eq!(moved.description.as_deref(), Some("live"));
    let stale = UpdateAliasRequest {
        revision_id: created.revision_id,
        ..update("prod")
    };
    refused(
        aliases::update(world.call(ALICE), stale).await,
        412,
        "PreconditionFailedException",
        "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve \
         the latest Revision Id",
    );
    let input = DeleteAliasRequest {
        function_name: "f".into(),
        name: "prod".into(),
    };
    aliases::delete(world.call(ALICE), input.clone())
        .await
        .unwrap();
    aliases::delete(world.call(ALICE), input).await.unwrap();
    let gone = aliases::get(world.call(ALICE), get_request("prod")).await;
    not_found(gone, &format!("Cannot find alias arn: {ARN}:prod"));
}

#[tokio::test]
async fn what_aliases_refuse() {
    let world = world().await;
    let create = async |input: CreateAliasRequest| aliases::create(world.call(ALICE), input).await;
    let routed = |version: &str, routing: &[(&str, f64)]| CreateAliasRequest {
        routing_config: weights(routing),
        ..new_alias("a", version)
    };
    invalid(
        create(routed("1", &[("1", 0.5), ("2", 0.5)])).await,
        "Number of items in AdditionalVersionWeights cannot be greater than 1",
    );
    invalid(
        create(routed("1", &[("1", 0.5)])).await,
        "Invalid function version 1. Function version 1 is already included in routing configuration.",
    );
    invalid(
        create(routed("$LATEST", &[("1", 0.5)])).await,
        "$LATEST is not supported for an alias pointing to more than 1 version",
    );
    not_found(
        create(new_alias("a", "10")).await,
        &format!("Function not found: {ARN}:10"),
    );
    let other = create(routed("1", &[("10", 0.5)])).await;
    not_found(other, &format!("Function not found: {ARN}:10"));
    let endless = create(new_alias("a", "99999999999")).await;
    not_found(endless, &format!("Function not found: {ARN}:99999999999"));
    let nowhere = CreateAliasRequest {
        function_name: "g".into(),
        ..new_alias("a", "1")
    };
    not_found(
        create(nowhere).await,
        "Function not found: arn:aws:lambda:eu-west-1:111111111111:function:g:1",
    );
    create(new_alias("a", "1")).await.unwrap();
    let twice = create(new_alias("a", "1")).await;
    let exists = format!("Alias already exists: {ARN}:a");
    refused(twice, 409, "ResourceConflictException", &exists);
    let missing = aliases::update(world.call(ALICE), update("x")).await;
    not_found(missing, &format!("Cannot find alias arn: {ARN}:x"));
    let wrong = UpdateAliasRequest {
        routing_config: weights(&[("1", 0.5)]),
        ..update("a")
    };
    invalid(
        aliases::update(world.call(ALICE), wrong).await,
        "Invalid function version 1. Function version 1 is already included in routing configuration.",
    );
    let wrong = UpdateAliasRequest {
        function_version: text("10"),
        ..update("a")
    };
    let wrong = aliases::update(world.call(ALICE), wrong).await;
    not_found(wrong, &format!("Function not found: {ARN}:10"));
    let version = DeleteFunctionRequest {
        function_name: "f".into(),
        qualifier: text("1"),
    };
    refused(
        handlers::delete(world.call(ALICE), version).await,
        409,
        "ResourceConflictException",
        "Unable to delete version because the following aliases reference it: [a]",
    );
}

#[tokio::test]
async fn aliases_are_listed_by_name_and_version() {
    let world = world().await;
    for (name, version) in [("b", "1"), ("a", "1"), ("c", "2")] {
        aliases::create(world.call(ALICE), new_alias(name, version))
            .await
            .unwrap();
    }
    let list = async |version: Option<&str>, marker: Option<String>| {
        let input = ListAliasesRequest {
            function_name: "f".to_owned(),
            function_version: version.map(str::to_owned),
            marker,
            max_items: Some(2),
        };
        let page = aliases::list(world.call(ALICE), input).await.unwrap();
        let names = page
            .aliases
            .unwrap()
            .into_iter()
            .filter_map(|alias| alias.name);
        (names.collect::<Vec<_>>(), page.next_marker)
    };
    let (names, marker) = list(None, None).await;
    assert_eq!(names, ["a", "b"]);
    assert_eq!(list(None, marker).await, (vec!["c".to_owned()], None));
    assert_eq!(list(Some("2"), None).await.0, ["c"]);
    assert!(list(Some("99999999999"), None).await.0.is_empty());
    let nowhere = ListAliasesRequest {
        function_name: "g".to_owned(),
        ..Default::default()
    };
    not_found(
        aliases::list(world.call(ALICE), nowhere).await,
        "Function not found: arn:aws:lambda:eu-west-1:111111111111:function:g",
    );
}
