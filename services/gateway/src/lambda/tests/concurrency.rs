use aws_model::lambda::{
    DeleteFunctionConcurrencyRequest, GetFunctionConcurrencyRequest, GetFunctionRequest,
    PutFunctionConcurrencyRequest,
};

use super::*;
use crate::lambda::concurrency;

#[tokio::test]
async fn concurrency_is_reserved_and_given_back() {
    let world = World::new().await;
    create(&world, "f").await;
    let put = async |name: &str, reserved: i32| {
        let input = PutFunctionConcurrencyRequest {
            function_name: name.to_owned(),
            reserved_concurrent_executions: reserved,
        };
        concurrency::put(world.call(ALICE), input).await
    };
    assert_eq!(
        put("f", 900).await.unwrap().reserved_concurrent_executions,
        Some(900)
    );
    invalid(
        put("f", 901).await,
        "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its \
         minimum value of [100].",
    );
    invalid(
        put("f:1", 5).await,
        "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. \
         Please specify either a function name or an unqualified function ARN.",
    );
    not_found(
        put("g", 5).await,
        "Function not found: arn:aws:lambda:eu-west-1:111111111111:function:g:$LATEST",
    );
    let get = async || {
        let input = GetFunctionConcurrencyRequest {
            function_name: "f".to_owned(),
        };
        let got = concurrency::get(world.call(ALICE), input).await.unwrap();
        got.reserved_concurrent_executions
    };
    assert_eq!(get().await, Some(900));
    let input = GetFunctionRequest {
        function_name: "f".to_owned(),
        qualifier: None,
    };
    let function = handlers::get(world.call(ALICE), input).await.unwrap();
    assert_eq!(
        function.concurrency.unwrap().reserved_concurrent_executions,
        Some(900)
    );
    let input = DeleteFunctionConcurrencyRequest {
        function_name: "f".to_owned(),
    };
    concurrency::delete(world.call(ALICE), input).await.unwrap();
    assert_eq!(get().await, None);
}
