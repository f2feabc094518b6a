use aws_model::lambda::{GetFunctionRecursionConfigRequest, PutFunctionRecursionConfigRequest};

use super::*;
use crate::lambda::recursion;
use crate::samples::BOB;

#[tokio::test]
async fn loops_are_terminated_until_they_are_allowed() {
    let world = World::new().await;
    create(&world, "f").await;
    let get = async |account: u64| {
        let input = GetFunctionRecursionConfigRequest {
            function_name: "f".to_owned(),
        };
        let got = recursion::get(world.call(account), input).await;
        got.map(|got| got.recursive_loop)
    };
    let put = async |account: u64, setting: &str| {
        let input = PutFunctionRecursionConfigRequest {
            function_name: ARN.to_owned(),
            recursive_loop: setting.to_owned(),
        };
        let put = recursion::put(world.call(account), input).await;
        put.map(|put| put.recursive_loop)
    };
    assert_eq!(get(ALICE).await.unwrap(), text("Terminate"));
    assert_eq!(put(ALICE, "Allow").await.unwrap(), text("Allow"));
    assert_eq!(get(ALICE).await.unwrap(), text("Allow"));
    refused(
        put(ALICE, "allow").await,
        400,
        "ValidationException",
        "1 validation error detected: Value 'allow' at 'recursiveLoop' failed to satisfy constraint: Member must satisfy \
         enum value set: [Allow, Terminate]",
    );
    not_found(
        get(BOB).await,
        "Function not found: arn:aws:lambda:eu-west-1:222222222222:function:f",
    );
    assert!(put(BOB, "Allow").await.is_err());
}
