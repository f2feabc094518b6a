use aws_model::Unit;
use aws_model::logs::{self, *};
use bytes::Bytes;
use http::Request;

use super::serve;
use crate::{Fault, Service};

fn service() -> Service<()> {
    Service::new(&logs::SERVICE)
        .bind(
            CreateLogGroup,
            |(), input: CreateLogGroupRequest| async move {
                match &*input.log_group_name {
                    "there" => Err(Fault::new(
                        400,
                        "ResourceAlreadyExistsException",
                        "The specified log group already exists",
                    )),
                    _ => Ok(Unit {}),
                }
            },
        )
        .bind(
            DescribeLogGroups,
            |(), input: DescribeLogGroupsRequest| async move {
                Ok(DescribeLogGroupsResponse {
                    log_groups: Some(vec![LogGroup {
                        log_group_name: input.log_group_name_prefix,
                        stored_bytes: Some(i64::MAX),
                        ..LogGroup::default()
                    }]),
                    next_token: None,
                })
            },
        )
}

async fn check(target: &str, body: &'static str, want: (u16, &str)) {
    let request = Request::post("/")
        .header("x-amz-target", target)
        .body(Bytes::from_static(body.as_bytes()));
    let (status, text) = serve(&service(), request.unwrap()).await;
    assert_eq!((status, &*text), want, "{target} {body}");
}

#[tokio::test]
async fn answers_and_faults() {
    check(
        "Logs_20140328.CreateLogGroup",
        r#"{"logGroupName":"g"}"#,
        (200, ""),
    )
    .await;
    check(
        "Logs_20140328.CreateLogGroup",
        r#"{"logGroupName":"there"}"#,
        (
            400,
            r#"{"__type":"ResourceAlreadyExistsException","message":"The specified log group already exists"}"#,
        ),
    )
    .await;
    check(
        "Logs_20140328.DescribeLogGroups",
        r#"{"logGroupNamePrefix":"g","limit":null}"#,
        (
            200,
            r#"{"logGroups":[{"logGroupName":"g","storedBytes":9223372036854775807}]}"#,
        ),
    )
    .await;
    check(
        "Logs_20140328.DescribeLogGroups",
        "",
        (
            200,
            r#"{"logGroups":[{"storedBytes":9223372036854775807}]}"#,
        ),
    )
    .await;
}

#[tokio::test]
async fn what_cannot_be_served() {
    let unknown = r#"{"__type":"UnknownOperationException","message":"Unable to determine service/operation name to be authorized"}"#;
    check("Logs_20140328.Nonsense", "{}", (400, unknown)).await;
    check("Other.CreateLogGroup", "{}", (400, unknown)).await;
    check(
        "Logs_20140328.PutLogEvents",
        "{}",
        (501, r#"{"__type":"NotImplementedException","message":"The operation PutLogEvents of logs is not implemented."}"#),
    )
    .await;
    check(
        "Logs_20140328.CreateLogGroup",
        r#"{"logGroupName":5}"#,
        (400, r#"{"__type":"SerializationException","message":"NUMBER_VALUE can not be converted to a String"}"#),
    )
    .await;
    check(
        "Logs_20140328.CreateLogGroup",
        r#"{"logGroupName":"a b"}"#,
        (
            400,
            r#"{"__type":"InvalidParameterException","message":"1 validation error detected: Value 'a b' at 'logGroupName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+"}"#,
        ),
    )
    .await;
}
