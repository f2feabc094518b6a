use aws_model::lambda::{CreateFunctionRequest, GetFunctionConfigurationRequest};

use super::*;
use crate::samples::BOB;

#[tokio::test]
async fn every_form_of_a_name_finds_the_function() {
    let world = World::new().await;
    create(&world, "f").await;
    let get = async |account: u64, name: &str, qualifier: Option<&str>| {
        let input = GetFunctionConfigurationRequest {
            function_name: name.to_owned(),
            qualifier: qualifier.map(str::to_owned),
        };
        let got = handlers::get_configuration(world.call(account), input).await?;
        Ok::<_, Fault>(got.function_arn.unwrap_or_default())
    };
    for name in [
        "f",
        "function:f",
        "111111111111:function:f",
        "eu-west-1:111111111111:function:f",
        ARN,
    ] {
        assert_eq!(get(ALICE, name, None).await.unwrap(), ARN, "{name}");
    }
    assert_eq!(
        get(ALICE, "f:$LATEST", Some("$LATEST")).await.unwrap(),
        format!("{ARN}:$LATEST")
    );
    invalid(
        get(ALICE, "f:1", Some("2")).await,
        "The derived qualifier from the function name does not match the specified qualifier.",
    );
    not_found(
        get(
            ALICE,
            "arn:aws:lambda:us-east-1:111111111111:function:f",
            None,
        )
        .await,
        "Functions from 'us-east-1' are not reachable in this region ('eu-west-1')",
    );
    // A function that exists and one that does not look the same from outside the account.
    for name in ["f", "nosuch"] {
        let arn = format!("arn:aws:lambda:eu-west-1:111111111111:function:{name}");
        let action = "lambda:GetFunctionConfiguration";
        refused(
            get(BOB, &arn, None).await,
            403,
            "AccessDeniedException",
            &format!(
                "User: arn:aws:iam::222222222222:root is not authorized to perform: {action} on resource: {arn} because \
                 no resource-based policy allows the {action} action"
            ),
        );
    }
    let bob = "Function not found: arn:aws:lambda:eu-west-1:222222222222:function:f";
    not_found(get(BOB, "f", None).await, bob);
    for name in ["a.b", &"x".repeat(65)] {
        let text =
            format!("Function not found: arn:aws:lambda:eu-west-1:111111111111:function:{name}");
        not_found(get(ALICE, name, None).await, &text);
    }
    not_found(
        get(ALICE, "f", Some("a$b")).await,
        &format!("Function not found: {ARN}:a$b"),
    );
}

#[tokio::test]
async fn names_of_new_functions() {
    let world = World::new().await;
    let create = async |name: &str| {
        let input = CreateFunctionRequest {
            function_name: name.to_owned(),
            ..request("f")
        };
        handlers::create(world.call(ALICE), input).await
    };
    assert_eq!(
        create(ARN).await.unwrap().function_name.as_deref(),
        Some("f")
    );
    create(&"x".repeat(64)).await.unwrap();
    let long = "x".repeat(65);
    invalid(
        create(&long).await,
        &format!(
            "1 validation error detected: Value '{long}' at 'functionName' failed to satisfy constraint: Member must \
             have length less than or equal to 64"
        ),
    );
    let qualified = create("g:1").await.unwrap_err();
    assert_eq!(
        (qualified.status(), qualified.code()),
        (400, "ValidationException")
    );
}
