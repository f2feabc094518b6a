use aws_model::lambda::{self, *};
use aws_model::{Blob, Unit};

use super::{request, serve, shown};
use crate::{Fault, Service};

/// Handlers that answer what they were given.
fn service() -> Service<()> {
    Service::new(&lambda::SERVICE)
        .bind(
            CreateFunction,
            |(), input: CreateFunctionRequest| async move {
                let variables = input
                    .environment
                    .and_then(|environment| environment.variables);
                Ok(FunctionConfiguration {
                    function_name: Some(input.function_name),
                    role: Some(input.role),
                    runtime: input.runtime,
                    timeout: input.timeout,
                    code_size: input
                        .code
                        .zip_file
                        .map(|Blob(bytes)| i64::try_from(bytes.len()).unwrap()),
                    environment: Some(EnvironmentResponse {
                        variables,
                        error: None,
                    }),
                    ..FunctionConfiguration::default()
                })
            },
        )
        .bind(GetFunction, |(), input: GetFunctionRequest| async move {
            Err(Fault::new(
                404,
                "ResourceNotFoundException",
                format!("Function not found: {}", input.function_name),
            ))
        })
        .bind(DeleteFunction, |(), _: DeleteFunctionRequest| async move {
            Ok(DeleteFunctionResponse {
                status_code: Some(204),
            })
        })
        .bind(DeleteAlias, |(), input: DeleteAliasRequest| async move {
            assert_eq!((&*input.function_name, &*input.name), ("f", "live"));
            Ok(Unit {})
        })
        .bind(
            ListFunctions,
            |(), input: ListFunctionsRequest| async move {
                Ok(ListFunctionsResponse {
                    next_marker: Some(format!("{:?} {:?}", input.marker, input.max_items)),
                    functions: None,
                })
            },
        )
        .bind(
            UntagResource,
            |(), input: UntagResourceRequest| async move {
                Err(Fault::new(
                    409,
                    "ResourceConflictException",
                    format!("{} {:?}", input.resource, input.tag_keys),
                ))
            },
        )
        .bind(CreateAlias, |(), input: CreateAliasRequest| async move {
            Ok(AliasConfiguration {
                name: Some(input.name),
                routing_config: input.routing_config,
                ..AliasConfiguration::default()
            })
        })
}

async fn check(method: &str, target: &str, body: &str, want: (u16, &str)) {
    let (status, text) = serve(&service(), request(method, target, body)).await;
    assert_eq!((status, &*text), want, "{method} {target} {body}");
}

const CREATE: &str = "/2015-03-31/functions";

#[tokio::test]
async fn bodies_are_decoded_and_encoded() {
    let role = "arn:aws:iam::123456789012:role/r";
    check(
        "POST",
        CREATE,
        &format!(
            r#"{{"FunctionName":"f","Role":"{role}","Code":{{"ZipFile":"aGk="}},"Timeout":3.0,"Runtime":null,
                 "Environment":{{"Variables":{{"KEY":"v"}}}},"Unknown":[1]}}"#
        ),
        (
            201,
            &format!(
                r#"{{"CodeSize":2,"Environment":{{"Variables":{{"KEY":"v"}}}},"FunctionName":"f","Role":"{role}","Timeout":3}}"#
            ),
        ),
    )
    .await;
    // Older SDKs end the path in a slash.
    let body = format!(r#"{{"FunctionName":"f","Role":"{role}","Code":{{}}}}"#);
    let answer = format!(r#"{{"Environment":{{}},"FunctionName":"f","Role":"{role}"}}"#);
    check("POST", "/2015-03-31/functions/", &body, (201, &answer)).await;
    check(
        "POST",
        "/2015-03-31/functions/f/aliases",
        r#"{"Name":"live","FunctionVersion":"1","RoutingConfig":{"AdditionalVersionWeights":{"2":"0.5","3":0}}}"#,
        (201, r#"{"Name":"live","RoutingConfig":{"AdditionalVersionWeights":{"2":0.5,"3":0.0}}}"#),
    )
    .await;
}

#[tokio::test]
async fn undecodable_bodies() {
    check(
        "POST",
        CREATE,
        "{nonsense",
        (
            400,
            r#"InvalidRequestContentException {"Type":"User","message":"Could not parse request body into json: key must be a string at line 1 column 2"}"#,
        ),
    )
    .await;
    let wrong = [
        (
            r#"{"FunctionName":1}"#,
            "NUMBER_VALUE can not be converted to a String",
        ),
        (
            r#"{"Timeout":"3"}"#,
            "STRING_VALUE can not be converted to an Integer",
        ),
        (
            r#"{"Timeout":99999999999}"#,
            "NUMBER_VALUE can not be converted to an Integer",
        ),
        (
            r#"{"Publish":"yes"}"#,
            "STRING_VALUE can not be converted to a Boolean",
        ),
        (r#"{"Layers":{}}"#, "Expected list or null"),
        (
            r#"{"Layers":[["x"]]}"#,
            "Start of list found where not expected",
        ),
        (
            r#"{"FunctionName":{}}"#,
            "Start of structure or map found where not expected.",
        ),
        (r#"{"Code":"x"}"#, "Unexpected value type in payload"),
        ("[]", "Unexpected value type in payload"),
    ];
    for (body, message) in wrong {
        let want = format!(r#"SerializationException {{"message":"{message}"}}"#);
        check("POST", CREATE, body, (400, &want)).await;
    }
    let role = "arn:aws:iam::123456789012:role/r";
    let body = format!(r#"{{"FunctionName":"f","Role":"{role}","Code":{{"ZipFile":"%%%"}}}}"#);
    let want = r#"SerializationException {"message":"Blob value could not be decoded as base64"}"#;
    check("POST", CREATE, &body, (400, want)).await;
}

#[tokio::test]
async fn labels_and_queries() {
    check(
        "GET",
        "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Af?Qualifier=%24LATEST",
        "",
        (
            404,
            r#"ResourceNotFoundException {"Message":"Function not found: arn:aws:lambda:us-east-1:123456789012:function:f","Type":"User"}"#,
        ),
    )
    .await;
    check(
        "GET",
        "/2015-03-31/functions/f:1",
        "ignored",
        (
            404,
            r#"ResourceNotFoundException {"Message":"Function not found: f:1","Type":"User"}"#,
        ),
    )
    .await;
    check(
        "GET",
        "/2015-03-31/functions/?Marker=a%2Bb+c&MaxItems=7",
        "",
        (200, r#"{"NextMarker":"Some(\"a+b c\") Some(7)"}"#),
    )
    .await;
    check(
        "GET",
        "/2015-03-31/functions?MaxItems=&Marker=",
        "",
        (200, r#"{"NextMarker":"Some(\"\") None"}"#),
    )
    .await;
    check(
        "GET",
        "/2015-03-31/functions?MaxItems=many",
        "",
        (400, r#"SerializationException {"message":"STRING_VALUE can not be converted to an Integer"}"#),
    )
    .await;
    check(
        "DELETE",
        "/2017-03-31/tags/arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Af?tagKeys=b&tagKeys=a%20c",
        "",
        (
            409,
            r#"ResourceConflictException {"Type":"User","message":"arn:aws:lambda:us-east-1:123456789012:function:f [\"b\", \"a c\"]"}"#,
        ),
    )
    .await;
}

#[tokio::test]
async fn statuses_come_from_the_model_or_the_handler() {
    check("DELETE", "/2015-03-31/functions/f", "", (204, "")).await;
    check(
        "DELETE",
        "/2015-03-31/functions/f/aliases/live",
        "{}",
        (204, ""),
    )
    .await;
}

#[tokio::test]
async fn operations_that_are_not_there() {
    let unknown = r#"UnknownOperationException {"message":"Unable to determine service/operation name to be authorized"}"#;
    for (method, target) in [
        ("GET", "/"),
        ("GET", "/2015-03-31/functions//configuration"),
        ("PATCH", "/2015-03-31/functions/f"),
        ("GET", "/2015-03-31/functions/f/nonsense"),
        ("GET", "/2015-03-31/functions/%FF"),
    ] {
        check(method, target, "", (404, unknown)).await;
    }
    for (method, target, name) in [
        ("GET", "/2015-03-31/functions/f/policy", "GetPolicy"),
        (
            "GET",
            "/2018-10-31/layers?find=LayerVersion&Arn=x",
            "GetLayerVersionByArn",
        ),
        ("GET", "/2018-10-31/layers?Marker=x", "ListLayers"),
        (
            "GET",
            "/2019-09-30/functions/f/provisioned-concurrency?List=ALL",
            "ListProvisionedConcurrencyConfigs",
        ),
        (
            "GET",
            "/2019-09-30/functions/f/provisioned-concurrency?Qualifier=1",
            "GetProvisionedConcurrencyConfig",
        ),
        (
            "GET",
            "/2019-09-25/functions/f/event-invoke-config/list",
            "ListFunctionEventInvokeConfigs",
        ),
        ("GET", "/2016-08-19/account-settings", "GetAccountSettings"),
    ] {
        let want = format!(
            r#"NotImplementedException {{"message":"The operation {name} of lambda is not implemented."}}"#
        );
        check(method, target, "", (501, &want)).await;
    }
}

#[test]
fn faults_are_spelled_as_the_model_spells_them() {
    let service = service();
    let check = |fault: Fault, want: (u16, &str)| {
        let (status, text) = shown(service.fault(&fault, "id"));
        assert_eq!((status, &*text), want);
    };
    check(
        Fault::new(429, "TooManyRequestsException", "Rate Exceeded.")
            .with("Reason", "CallerRateLimitExceeded"),
        (
            429,
            r#"TooManyRequestsException {"Reason":"CallerRateLimitExceeded","Type":"User","message":"Rate Exceeded."}"#,
        ),
    );
    check(
        Fault::internal(),
        (
            500,
            r#"ServiceException {"Message":"Service encountered an internal error. Please try your request again.","Type":"Service"}"#,
        ),
    );
    check(
        Fault::new(403, "AccessDeniedException", "no").with("Type", "User"),
        (
            403,
            r#"AccessDeniedException {"Type":"User","message":"no"}"#,
        ),
    );
}
