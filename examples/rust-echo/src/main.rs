//! Answers with the event and its request id.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(echo)).await
}

async fn echo(request: LambdaEvent<Value>) -> Result<Value, Error> {
    let (event, context) = request.into_parts();
    println!("echoing");
    Ok(json!({ "event": event, "request_id": context.request_id }))
}
