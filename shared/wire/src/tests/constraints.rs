//! AWS's texts for inputs that the model forbids. Those marked "validated" were recorded from AWS by others.

use aws_model::lambda::{self, *};
use serde_json::Value;

use super::{request, serve};
use crate::Service;

async fn check(method: &str, target: &str, body: &str, want: &str) {
    let service = Service::<()>::new(&lambda::SERVICE)
        .bind(CreateFunction, |(), _| async {
            Ok(FunctionConfiguration::default())
        })
        .bind(UpdateFunctionConfiguration, |(), _| async {
            Ok(FunctionConfiguration::default())
        })
        .bind(CreateAlias, |(), _| async {
            Ok(AliasConfiguration::default())
        })
        .bind(ListFunctions, |(), _| async {
            Ok(ListFunctionsResponse::default())
        })
        .bind(TagResource, |(), _| async { Ok(aws_model::Unit {}) })
        .bind(GetFunction, |(), _| async {
            Ok(GetFunctionResponse::default())
        });
    let (status, text) = serve(&service, request(method, target, body)).await;
    if want.is_empty() {
        assert!(status < 300, "{method} {target} {body}: {text}");
        return;
    }
    let (code, body) = text.split_once(' ').unwrap();
    assert_eq!(
        (status, code),
        (400, "ValidationException"),
        "{method} {target}"
    );
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["message"], want, "{method} {target} {body}");
}

async fn update(body: &str, want: &str) {
    check("PUT", "/2015-03-31/functions/f/configuration", body, want).await;
}

#[tokio::test]
async fn scalars() {
    update("{}", "").await;
    update(
        r#"{"Timeout":900,"MemorySize":10240,"Description":"","KMSKeyArn":""}"#,
        "",
    )
    .await;
    update(
        r#"{"Timeout":901}"#,
        "1 validation error detected: Value '901' at 'timeout' failed to satisfy constraint: Member must have value less \
         than or equal to 900",
    )
    .await;
    update(
        r#"{"MemorySize":127,"EphemeralStorage":{"Size":10241}}"#,
        "2 validation errors detected: Value '127' at 'memorySize' failed to satisfy constraint: Member must have value \
         greater than or equal to 128; Value '10241' at 'ephemeralStorage.size' failed to satisfy constraint: Member must \
         have value less than or equal to 10240",
    )
    .await;
    update(
        r#"{"TracingConfig":{"Mode":"Sometimes"}}"#,
        "1 validation error detected: Value 'Sometimes' at 'tracingConfig.mode' failed to satisfy constraint: Member must \
         satisfy enum value set: [Active, PassThrough]",
    )
    .await;
    // Validated, with the pattern of its day.
    update(
        r#"{"Role":"invalid_role"}"#,
        r"1 validation error detected: Value 'invalid_role' at 'role' failed to satisfy constraint: Member must satisfy regular expression pattern: arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+",
    )
    .await;
    update(
        r#"{"EphemeralStorage":{}}"#,
        "1 validation error detected: Value null at 'ephemeralStorage.size' failed to satisfy constraint: Member must not \
         be null",
    )
    .await;
    // What runtimes there are, the handler knows.
    update(r#"{"Runtime":"cobol"}"#, "").await;
    let handler = "h".repeat(129);
    update(
        &format!(r#"{{"Handler":"{handler}"}}"#),
        &format!(
            "1 validation error detected: Value '{handler}' at 'handler' failed to satisfy constraint: Member must have \
             length less than or equal to 128"
        ),
    )
    .await;
}

#[tokio::test]
async fn function_names() {
    let get = |name: &str| format!("/2015-03-31/functions/{name}");
    check("GET", &get("f"), "", "").await;
    check("GET", &get("123456789012:function:f:%24LATEST"), "", "").await;
    check(
        "GET",
        &get("arn:aws:lambda:eu-central-1:123456789012:function:f:live"),
        "",
        "",
    )
    .await;
    let pattern = r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?";
    check(
        "GET",
        &get("f%20g"),
        "",
        &format!("1 validation error detected: Value 'f g' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression pattern: {pattern}"),
    )
    .await;
    // Digits of other scripts are no digits.
    check(
        "GET",
        &get("%D9%A1:f"),
        "",
        &format!("1 validation error detected: Value '١:f' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression pattern: {pattern}"),
    )
    .await;
}

#[tokio::test]
async fn alias_names_are_not_numbers() {
    let alias = |name: &str| format!(r#"{{"Name":"{name}","FunctionVersion":"1"}}"#);
    let target = "/2015-03-31/functions/f/aliases";
    check("POST", target, &alias("live"), "").await;
    check("POST", target, &alias("2x"), "").await;
    check("POST", target, &alias("-"), "").await;
    check(
        "POST",
        target,
        &alias("42"),
        "1 validation error detected: Value '42' at 'name' failed to satisfy constraint: Member must satisfy regular \
         expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)",
    )
    .await;
}

#[tokio::test]
async fn collections() {
    // Validated.
    check(
        "POST",
        "/2015-03-31/functions",
        r#"{"FunctionName":"f","Role":"arn:aws:iam::123456789012:role/r","Code":{},"Architectures":["invalid"]}"#,
        "1 validation error detected: Value '[invalid]' at 'architectures' failed to satisfy constraint: Member must \
         satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be null]",
    )
    .await;
    // Validated.
    check(
        "POST",
        "/2015-03-31/functions",
        r#"{"FunctionName":"f","Role":"arn:aws:iam::123456789012:role/r","Code":{},"Architectures":["x86_64","arm64"]}"#,
        "1 validation error detected: Value '[x86_64, arm64]' at 'architectures' failed to satisfy constraint: Member must \
         have length less than or equal to 1",
    )
    .await;
    // Validated.
    check(
        "POST",
        "/2015-03-31/functions/f/aliases",
        r#"{"Name":"live","FunctionVersion":"1","RoutingConfig":{"AdditionalVersionWeights":{"alias":0.5}}}"#,
        "1 validation error detected: Value '{alias=0.5}' at 'routingConfig.additionalVersionWeights' failed to satisfy \
         constraint: Map keys must satisfy constraint: [Member must have length less than or equal to 1024, Member must \
         have length greater than or equal to 1, Member must satisfy regular expression pattern: [0-9]+, Member must not \
         be null]",
    )
    .await;
    check(
        "POST",
        "/2015-03-31/functions/f/aliases",
        r#"{"Name":"live","FunctionVersion":"1","RoutingConfig":{"AdditionalVersionWeights":{"1":1.5}}}"#,
        "1 validation error detected: Value '{1=1.5}' at 'routingConfig.additionalVersionWeights' failed to satisfy \
         constraint: Map value must satisfy constraint: [Member must have value less than or equal to 1, Member must have \
         value greater than or equal to 0, Member must not be null]",
    )
    .await;
    update(
        r#"{"FileSystemConfigs":[{"Arn":null,"LocalMountPath":"/mnt/x"}]}"#,
        "1 validation error detected: Value null at 'fileSystemConfigs.1.member.arn' failed to satisfy constraint: Member \
         must not be null",
    )
    .await;
}

#[tokio::test]
async fn secrets_are_not_quoted() {
    update(
        r#"{"Environment":{"Variables":{"1BAD":"hush"}}}"#,
        "1 validation error detected: Value at 'environment.variables' failed to satisfy constraint: Map keys must satisfy \
         constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+, Member must not be null]",
    )
    .await;
    update(
        r#"{"Environment":{"Variables":{"KEY":null}}}"#,
        "1 validation error detected: Value at 'environment.variables' failed to satisfy constraint: Map value must satisfy \
         constraint: [Member must not be null]",
    )
    .await;
}

#[tokio::test]
async fn long_values_are_cut() {
    let name = "f".repeat(100_000);
    let target = "/2015-03-31/functions";
    let body = format!(
        r#"{{"FunctionName":"{name}","Role":"arn:aws:iam::123456789012:role/r","Code":{{}}}}"#
    );
    check(
        "POST",
        target,
        &body,
        &format!(
            "1 validation error detected: Value '{}' at 'functionName' failed to satisfy constraint: Member must have \
             length less than or equal to 140",
            "f".repeat(2048)
        ),
    )
    .await;
}

#[tokio::test]
async fn ten_errors_are_enough() {
    let element = "Value null at 'fileSystemConfigs.N.member.arn' failed to satisfy constraint: Member must not be null";
    let shown = (1..=9)
        .map(|n| element.replace('N', &n.to_string()))
        .collect::<Vec<_>>()
        .join("; ");
    let elements = vec![r#"{"LocalMountPath":"/mnt/x"}"#; 1000];
    let (quoted, cut) = ("{LocalMountPath=/mnt/x}, ".repeat(100), 2048 - 1);
    update(
        &format!(r#"{{"FileSystemConfigs":[{}]}}"#, elements.join(",")),
        &format!(
            "10 validation errors detected: Value '[{}' at 'fileSystemConfigs' failed to satisfy constraint: Member must \
             have length less than or equal to 1; {shown}",
            &quoted[..cut],
        ),
    )
    .await;
}

#[test]
fn debug_output_hides_secrets() {
    let variables = [("KEY".to_owned(), "hush".to_owned())]
        .into_iter()
        .collect();
    let request = CreateFunctionRequest {
        code: FunctionCode {
            zip_file: Some(aws_model::Blob(b"hush".to_vec())),
            ..FunctionCode::default()
        },
        environment: Some(Environment {
            variables: Some(variables),
        }),
        ..CreateFunctionRequest::default()
    };
    let shown = format!("{request:?}");
    assert!(!shown.contains("hush") && !shown.contains("KEY"), "{shown}");
    assert!(
        shown.contains("Blob(4 bytes)") && shown.contains("<redacted>"),
        "{shown}"
    );
}
