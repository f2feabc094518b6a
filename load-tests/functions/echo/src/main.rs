//! Answers with the event and writes nothing, as the Python echo does.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(echo)).await
}

async fn echo(request: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(request.payload)
}
