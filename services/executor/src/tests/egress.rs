//! Functions that ask for the internet.

use domain::{Egress, FunctionSpec, Version};
use serde_json::json;
use testkit::world::{HOST, RESOLVER, WEBSITE, World};
use tonic::Code;

use super::fixture::{Fixture, refused};
use crate::Options;
use crate::sandbox;

/// Answers with what is at the address that the event, a JSON string, names.
const REACH: &str = r#"#!/bin/bash
api=${AWS_LAMBDA_RUNTIME_API%:*}/${AWS_LAMBDA_RUNTIME_API#*:}
while true; do
    exec 3<>"/dev/tcp/$api"
    printf 'GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nhost: x\r\n\r\n' >&3
    while IFS= read -r line <&3 && line=${line%$'\r'} && [ -n "$line" ]; do
        case "${line,,}" in
            lambda-runtime-aws-request-id:*) id=${line#*: } ;;
            content-length:*) length=${line#*: } ;;
        esac
    done
    IFS= LC_ALL=C read -r -N "$length" place <&3
    place=${place//\"/}
    said=nothing
    if exec 4<>"/dev/tcp/$place/80"; then
        printf 'GET / HTTP/1.0\r\n\r\n' >&4
        said=$(tail -n 1 <&4)
    fi 2>/dev/null
    exec 3<>"/dev/tcp/$api"
    printf 'POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"%s"' \
        "$id" "$((${#said} + 2))" "$said" >&3
    read -r _ <&3
done
"#;

fn on_request(options: &mut Options) {
    options.egress = sandbox::Egress::OnRequest {
        resolvers: vec![RESOLVER.parse().unwrap()],
    };
}

/// What the gateway makes of a function that has the tag.
fn tagged(spec: &FunctionSpec) -> FunctionSpec {
    FunctionSpec {
        spec_id: format!("{}.internet", spec.spec_id),
        egress: Egress::Internet,
        ..spec.clone()
    }
}

#[tokio::test]
async fn egress_comes_and_goes_with_the_tag() {
    let _world = World::enter();
    let fixture = Fixture::tuned(on_request).await;
    let mut plain = fixture
        .deploy("provided.al2023", "", &[("bootstrap", REACH)])
        .await;
    // A published version is the same in everything but this.
    for version in [Version::Latest, Version::Published(1)] {
        plain.version = version;
        plain.spec_id = version.to_string();
        let tagged = tagged(&plain);
        let website = json!(WEBSITE).to_string();
        for _ in 0..2 {
            for (spec, said) in [(&plain, "nothing"), (&tagged, HOST)] {
                let cold = fixture.invoke(spec, &website).await.unwrap();
                assert!(cold.cold, "an environment of the other kind was used");
                assert_eq!(cold.payload, format!("\"{said}\""));
                assert_eq!(fixture.call(spec, &website).await, said);
                assert_eq!(fixture.call(spec, "\"10.1.2.3\"").await, "nothing");
            }
        }
    }
    // The environments that a change left behind are gone: one of each version stays.
    fixture.until_live(2).await;
    fixture.stop().await;
}

#[tokio::test]
async fn a_parked_runtime_takes_a_function_that_gets_out() {
    let python = format!(
        "import urllib.request\ndef handler(event, context):\n    \
         return urllib.request.urlopen('http://{WEBSITE}', timeout=5).read().decode()"
    );
    // The interpreter's client may have to be downloaded, which this test's own network does not allow.
    let before = Fixture::start().await;
    let first = before
        .python("def handler(event, context):\n    return 1")
        .await;
    assert_eq!(before.call(&first, "1").await, 1);
    before.stop().await;
    let _world = World::enter();
    let fixture = Fixture::tuned(|options| {
        on_request(options);
        options.parked_runtimes = 1;
    })
    .await;
    let first = fixture
        .python("def handler(event, context):\n    return 1")
        .await;
    assert_eq!(fixture.call(&first, "1").await, 1);
    fixture.until_parked().await;
    let spec = tagged(&fixture.python(&python).await);
    assert_eq!(fixture.call(&spec, "1").await, HOST);
    fixture.stop().await;
}

#[tokio::test]
async fn where_the_operator_denies_it_such_functions_do_not_run() {
    let fixture = Fixture::start().await;
    let plain = fixture
        .deploy("provided.al2023", "", &[("bootstrap", REACH)])
        .await;
    let status = refused(
        fixture.invoke(&tagged(&plain), "\"10.1.2.3\"").await,
        Code::PermissionDenied,
    );
    assert_eq!(
        status.message(),
        "The function asks for egress by its tag tollgate:egress: this installation's operator denies egress \
         (executor.egress)"
    );
    assert_eq!(fixture.call(&plain, "\"10.1.2.3\"").await, "nothing");
    fixture.stop().await;
    assert_eq!(fixture.usage().await.0, 1, "what did not run costs nothing");
}
