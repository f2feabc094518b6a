use aws_model::Unit;
use aws_model::iam::{self, *};
use aws_model::sts::{
    self, GetCallerIdentity, GetCallerIdentityRequest, GetCallerIdentityResponse,
};

use super::{request, serve};
use crate::{Fault, Service};

fn service() -> Service<()> {
    Service::new(&iam::SERVICE)
        .bind(CreateRole, |(), input: CreateRoleRequest| async move {
            Ok(CreateRoleResponse {
                role: Role {
                    path: input.path.unwrap_or_default(),
                    role_name: input.role_name,
                    create_date: 1_795_428_000.9,
                    description: input.description,
                    max_session_duration: input.max_session_duration,
                    tags: input.tags,
                    ..Role::default()
                },
            })
        })
        .bind(
            DeleteRole,
            |(), _: DeleteRoleRequest| async move { Ok(Unit {}) },
        )
        .bind(GetRole, |(), input: GetRoleRequest| async move {
            let text = format!("The role with name {} cannot be found.", input.role_name);
            Err(Fault::new(404, "NoSuchEntity", text))
        })
        .bind(ListPolicies, |(), input: ListPoliciesRequest| async move {
            Ok(ListPoliciesResponse {
                is_truncated: input.only_attached,
                ..ListPoliciesResponse::default()
            })
        })
}

async fn check(service: Service<()>, body: &str, want: (u16, &str)) {
    let (status, text) = serve(&service, request("POST", "/", body)).await;
    assert_eq!((status, &*text), want, "{body}");
}

#[tokio::test]
async fn forms_in_and_documents_out() {
    check(
        service(),
        "Action=CreateRole&Version=2010-05-08&RoleName=r&AssumeRolePolicyDocument=%7B%7D&Path=%2F\
         &Description=a+%26+%3Cb%3E&MaxSessionDuration=3600&Tags.member.1.Key=k&Tags.member.1.Value=v\
         &Tags.member.2.Key=k2&Tags.member.2.Value=",
        (
            200,
            "<CreateRoleResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><CreateRoleResult><Role>\
             <Path>/</Path><RoleName>r</RoleName><RoleId></RoleId><Arn></Arn>\
             <CreateDate>2026-11-23T10:00:00Z</CreateDate><Description>a &amp; &lt;b&gt;</Description>\
             <MaxSessionDuration>3600</MaxSessionDuration><Tags><member><Key>k</Key><Value>v</Value></member>\
             <member><Key>k2</Key><Value></Value></member></Tags></Role></CreateRoleResult><ResponseMetadata>\
             <RequestId>11111111-2222-3333-4444-555555555555</RequestId></ResponseMetadata></CreateRoleResponse>",
        ),
    )
    .await;
    check(
        service(),
        "Action=DeleteRole&RoleName=r",
        (
            200,
            "<DeleteRoleResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><ResponseMetadata>\
             <RequestId>11111111-2222-3333-4444-555555555555</RequestId></ResponseMetadata></DeleteRoleResponse>",
        ),
    )
    .await;
    check(
        service(),
        "Action=ListPolicies&OnlyAttached=true",
        (
            200,
            "<ListPoliciesResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><ListPoliciesResult>\
             <IsTruncated>true</IsTruncated></ListPoliciesResult><ResponseMetadata>\
             <RequestId>11111111-2222-3333-4444-555555555555</RequestId></ResponseMetadata></ListPoliciesResponse>",
        ),
    )
    .await;
}

fn error(code: &str, message: &str) -> String {
    format!(
        "<ErrorResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><Error><Type>Sender</Type><Code>{code}</Code>\
         <Message>{message}</Message></Error><RequestId>11111111-2222-3333-4444-555555555555</RequestId></ErrorResponse>"
    )
}

#[tokio::test]
async fn errors() {
    for (body, status, code, message) in [
        (
            "Action=GetRole&RoleName=r",
            404,
            "NoSuchEntity",
            "The role with name r cannot be found.",
        ),
        (
            "",
            400,
            "MissingAction",
            "The request must contain the parameter Action",
        ),
        (
            "Action=Nonsense&Version=2010-05-08",
            400,
            "InvalidAction",
            "Could not find operation Nonsense for version 2010-05-08",
        ),
        (
            "Action=ListPolicies&MaxItems=x",
            400,
            "MalformedInput",
            "STRING_VALUE can not be converted to an Integer",
        ),
        (
            "Action=GetRole",
            400,
            "ValidationError",
            "1 validation error detected: Value null at 'roleName' failed to satisfy constraint: Member must not be null",
        ),
        (
            "Action=GetRole&RoleName=a%2Fb",
            400,
            "ValidationError",
            "The specified value for roleName is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-",
        ),
        (
            "Action=GetRole&RoleName=",
            400,
            "ValidationError",
            "1 validation error detected: Value '' at 'roleName' failed to satisfy constraint: Member must have length greater than or equal to 1",
        ),
        (
            "Action=CreateRole&RoleName=r&AssumeRolePolicyDocument=x&Tags.member.1.Value=v",
            400,
            "ValidationError",
            "1 validation error detected: Value null at 'tags.1.member.key' failed to satisfy constraint: Member must not be null",
        ),
    ] {
        check(service(), body, (status, &error(code, message))).await;
    }
    let want = error(
        "NotImplementedException",
        "The operation CreateUser of iam is not implemented.",
    );
    check(
        service(),
        "Action=CreateUser",
        (501, &want.replace("Sender", "Receiver")),
    )
    .await;
}

#[tokio::test]
async fn parameters_may_travel_in_the_query() {
    let service = Service::new(&sts::SERVICE).bind(
        GetCallerIdentity,
        |(), _: GetCallerIdentityRequest| async move {
            Ok(GetCallerIdentityResponse {
                account: Some("123456789012".into()),
                ..GetCallerIdentityResponse::default()
            })
        },
    );
    let (status, text) = serve(
        &service,
        request("GET", "/?Action=GetCallerIdentity&Version=2011-06-15", ""),
    )
    .await;
    assert_eq!(status, 200);
    assert!(
        text.contains(
            "<GetCallerIdentityResult><Account>123456789012</Account></GetCallerIdentityResult>"
        ),
        "{text}"
    );
}
