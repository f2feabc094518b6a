use chrono::{DateTime, TimeDelta, Utc};
use http::Request;
use http::request::Parts;
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use super::*;

/// AWS's own example secret, of the published test suite.
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

fn time(text: &str) -> DateTime<Utc> {
    chrono::NaiveDateTime::parse_from_str(text, DATE_FORMAT)
        .unwrap()
        .and_utc()
}

fn credentials(session_token: Option<&str>) -> Credentials {
    Credentials {
        access_key_id: "AKIDEXAMPLE".into(),
        secret: SECRET.into(),
        session_token: session_token.map(str::to_owned),
    }
}

fn parts(method: &str, target: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn verify(parts: &Parts, body: &[u8], now: DateTime<Utc>) -> Result<(), SigError> {
    let presented = parse(parts)?;
    let key = SigningKey::derive(SECRET, presented.scope());
    presented.verify(&key, parts, &Sha256::digest(body).into(), now)
}

/// AWS's published test suite (`aws-sig-v4-test-suite`): the signatures that it states.
#[test]
fn published_vectors() {
    let check =
        |method: &str, target: &str, headers: &[(&str, &str)], body: &str, signature: &str| {
            let date = [("host", "example.amazonaws.com")];
            let mut signed = parts(method, target, &[&date[..], headers].concat());
            sign(
                &mut signed,
                body.as_bytes(),
                &credentials(None),
                "us-east-1",
                "service",
                time("20150830T123600Z"),
            );
            let authorization = signed.headers["authorization"].to_str().unwrap();
            assert_eq!(
                authorization.rsplit('=').next(),
                Some(signature),
                "{method} {target} {headers:?}"
            );
            assert_eq!(
                verify(&signed, body.as_bytes(), time("20150830T123600Z")),
                Ok(())
            );
        };
    check(
        "GET",
        "/",
        &[],
        "",
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    );
    check(
        "POST",
        "/",
        &[],
        "",
        "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
    );
    check(
        "GET",
        "/?Param2=value2&Param1=value1",
        &[],
        "",
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    );
    check(
        "POST",
        "/",
        &[("content-type", "application/x-www-form-urlencoded")],
        "Param1=value1",
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    );
}

/// Requests signed by botocore 1.44.5 with the example key at 2026-11-23 10:00: what clients really send.
#[test]
fn requests_of_botocore() {
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../../vectors/signatures.json")).unwrap();
    for vector in vectors.as_array().unwrap() {
        let text = |name: &str| vector[name].as_str().unwrap();
        let headers: Vec<_> = vector["headers"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
            .collect();
        let request = parts(text("method"), text("target"), &headers);
        let body = text("body").as_bytes();
        let now = time("20261123T100030Z");
        assert_eq!(verify(&request, body, now), Ok(()), "{}", text("name"));
        let is_unsigned = text("name").contains("presigned S3");
        let other = verify(&request, b"another body", now);
        assert_eq!(other.is_ok(), is_unsigned, "{}", text("name"));
        assert_eq!(
            parse(&request).unwrap().scope().service,
            presumed_service(&request).unwrap()
        );
    }
    assert!(vectors.as_array().is_some_and(|vectors| vectors.len() > 10));
}

#[test]
fn what_is_missing_is_said() {
    let check = |headers: &[(&str, &str)], target: &str, want: &str| {
        let error = parse(&parts("GET", target, headers)).unwrap_err();
        assert_eq!(error.to_string(), want);
    };
    let date = ("x-amz-date", "20261123T100000Z");
    check(&[], "/", "missing authentication token");
    check(
        &[("authorization", "Bearer x")],
        "/",
        "missing authentication token",
    );
    check(
        &[("authorization", "AWS4-ECDSA-P256-SHA256 x")],
        "/",
        "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256'.",
    );
    check(
        &[
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=a/20261123/r/s/aws4_request",
            ),
            date,
        ],
        "/",
        "Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter.",
    );
    check(
        &[
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=00",
            ),
            date,
        ],
        "/",
        "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'a/b'.",
    );
    check(
        &[
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=a/20261122/r/s/aws4_request, SignedHeaders=host, Signature=00",
            ),
            date,
        ],
        "/",
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20261122' != \
         '20261123', from '20261123T100000Z'.",
    );
    check(
        &[
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=a/20261123/r/s/aws4_request, SignedHeaders=x-amz-date, Signature=00",
            ),
            date,
        ],
        "/",
        "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
    );
    check(
        &[],
        "/?X-Amz-Credential=a",
        "AWS query-string parameters must include 'X-Amz-Algorithm'. AWS query-string \
         parameters must include 'X-Amz-Signature'. AWS query-string parameters must include 'X-Amz-SignedHeaders'. AWS \
         query-string parameters must include 'X-Amz-Date'.",
    );
}

#[test]
fn dates() {
    let check = |name: &str, value: &str, ok: bool| {
        let authorization = "AWS4-HMAC-SHA256 Credential=a/20261123/r/s/aws4_request, SignedHeaders=host, Signature=\
                             0000000000000000000000000000000000000000000000000000000000000000";
        let headers = [("authorization", authorization), (name, value)];
        assert_eq!(parse(&parts("GET", "/", &headers)).is_ok(), ok, "{value}");
    };
    check("x-amz-date", "20261123T100000Z", true);
    check("date", "Mon, 23 Nov 2026 10:00:00 GMT", true);
    check("date", "2026-11-23T10:00:00Z", true);
    check("x-amz-date", "20261123T10000Z", false);
    check("x-amz-date", "20261123T246000Z", false);
    check("x-amz-date", "2026 123T100000Z", false);
    check("x-amz-date", "20261123", false);
    check("x-amz-date", "", false);
}

/// A presigned query may hold any text: none of it may split a character.
#[test]
fn dates_of_other_scripts() {
    for date in [
        "%E2%80%83%E2%80%83%E2%80%83%E2%80%831123",
        "%E2%80%832026%E2%80%831T1Z",
        "%F0%9F%98%80%F0%9F%98%80%F0%9F%98%80%F0%9F%98%80",
    ] {
        let target = format!(
            "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a/20261123/r/s/aws4_request&X-Amz-Date={date}\
             &X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=00"
        );
        let error = parse(&parts("GET", &target, &[])).unwrap_err();
        assert!(error.to_string().contains("ISO-8601"), "{error}");
    }
}

#[test]
fn signatures_are_good_for_five_minutes_either_way() {
    let signed_at = time("20261123T100000Z");
    let mut request = parts("GET", "/", &[("host", "h")]);
    sign(
        &mut request,
        b"",
        &credentials(None),
        "us-east-1",
        "lambda",
        signed_at,
    );
    let check = |seconds: i64, want: Result<(), &str>| {
        let got = verify(&request, b"", signed_at + TimeDelta::seconds(seconds));
        assert_eq!(
            got.map_err(|error| error.to_string()),
            want.map_err(str::to_owned)
        );
    };
    check(0, Ok(()));
    check(300, Ok(()));
    check(-300, Ok(()));
    check(
        301,
        Err(
            "Signature expired: 20261123T100000Z is now earlier than 20261123T100001Z (20261123T100501Z - 5 min.)",
        ),
    );
    check(
        -301,
        Err(
            "Signature not yet current: 20261123T100000Z is still later than 20261123T095959Z (20261123T095459Z + 5 min.)",
        ),
    );
}

#[test]
fn presigned_urls_live_as_long_as_they_say() {
    let signed_at = time("20261123T100000Z");
    let presigned = |expires: i64| {
        let mut request = parts("GET", "/f?Qualifier=a%2Fb", &[("host", "h")]);
        let expires = TimeDelta::seconds(expires);
        presign(
            &mut request,
            b"",
            &credentials(Some("token+/=")),
            "us-east-1",
            "lambda",
            signed_at,
            expires,
        )
        .unwrap();
        request
    };
    let request = presigned(900);
    assert_eq!(
        verify(&request, b"", signed_at + TimeDelta::seconds(900)),
        Ok(())
    );
    assert!(matches!(
        verify(&request, b"", signed_at + TimeDelta::seconds(901)),
        Err(SigError::Unacceptable(_))
    ));
    let presented = parse(&request).unwrap();
    assert_eq!(presented.kind(), Kind::Query);
    assert_eq!(presented.session_token(), Some("token+/="));
    let error = parse(&presigned(604_801)).unwrap_err();
    assert!(error.to_string().contains("less than a week"), "{error}");
    assert_eq!(
        parse(&presigned(-1)).unwrap_err().to_string(),
        "X-Amz-Expires must be non-negative"
    );
}

#[test]
fn an_unsigned_body_is_refused() {
    let now = time("20261123T100000Z");
    let mut request = parts(
        "POST",
        "/",
        &[("host", "h"), ("x-amz-content-sha256", "UNSIGNED-PAYLOAD")],
    );
    sign(
        &mut request,
        b"x",
        &credentials(None),
        "us-east-1",
        "lambda",
        now,
    );
    assert_eq!(verify(&request, b"x", now), Err(SigError::Mismatch));
}

#[test]
fn nothing_shows_a_secret() {
    let now = time("20261123T100000Z");
    let mut request = parts("GET", "/", &[("host", "h")]);
    let credentials = credentials(Some("token"));
    sign(&mut request, b"", &credentials, "us-east-1", "lambda", now);
    let presented = parse(&request).unwrap();
    let key = SigningKey::derive(SECRET, presented.scope());
    let shown = format!("{credentials:?} {presented:?} {key:?}");
    assert!(
        !shown.contains(SECRET) && !shown.contains("token"),
        "{shown}"
    );
    let signature = request.headers["authorization"]
        .to_str()
        .unwrap()
        .rsplit('=')
        .next()
        .unwrap();
    assert!(!shown.contains(signature), "{shown}");
}

#[test]
fn each_protocol_has_its_words() {
    use aws_model::schema::Protocol::{AwsJson11, AwsQuery, RestJson1};
    let check = |error: SigError, protocol, want: (u16, &str)| {
        let fault = error.fault(protocol);
        assert_eq!((fault.status(), fault.code()), want, "{error} {protocol:?}");
    };
    check(
        SigError::MissingToken,
        RestJson1,
        (403, "MissingAuthenticationTokenException"),
    );
    check(
        SigError::MissingToken,
        AwsQuery,
        (403, "MissingAuthenticationToken"),
    );
    check(
        SigError::UnknownKey,
        RestJson1,
        (403, "UnrecognizedClientException"),
    );
    check(
        SigError::UnknownKey,
        AwsJson11,
        (400, "UnrecognizedClientException"),
    );
    check(
        SigError::UnknownKey,
        AwsQuery,
        (403, "InvalidClientTokenId"),
    );
    check(
        SigError::Mismatch,
        RestJson1,
        (403, "InvalidSignatureException"),
    );
    check(SigError::Mismatch, AwsQuery, (403, "SignatureDoesNotMatch"));
    check(
        SigError::Incomplete(String::new()),
        RestJson1,
        (400, "IncompleteSignatureException"),
    );
    check(
        SigError::Incomplete(String::new()),
        AwsQuery,
        (400, "IncompleteSignature"),
    );
}

proptest! {
    /// Whatever is signed verifies; whatever is changed afterwards does not.
    #[test]
    fn a_change_is_noticed(
        segments in prop::collection::vec("[a-zA-Z0-9:$%. _-]{1,8}", 0..4),
        pairs in prop::collection::vec(("[a-zA-Z]{1,5}", "[ -~äß]{0,8}"), 0..4),
        header in "[!-~][ -~]{0,20}",
        body in prop::collection::vec(any::<u8>(), 0..64),
        change in 0..6,
    ) {
        let encoded = |text: &str| {
            let mut out = String::new();
            super::canonical::encode(&mut out, text.as_bytes());
            out
        };
        let path: Vec<_> = segments.iter().map(|segment| format!("s{}", encoded(segment))).collect();
        let query: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let target = format!("/base/{}?{}", path.join("/"), query.join("&"));
        let now = time("20261123T100000Z");
        let mut request = parts("POST", &target, &[("host", "h:1"), ("x-amz-thing", &header)]);
        sign(&mut request, &body, &credentials(None), "us-east-1", "lambda", now);
        prop_assert_eq!(verify(&request, &body, now), Ok(()));

        let mut body = body;
        match change {
            0 => body.push(b'x'),
            1 => request.method = http::Method::PUT,
            2 => request.uri = format!("/other{target}").parse().unwrap(),
            3 => request.uri = format!("{target}&z=1").parse().unwrap(),
            4 => { request.headers.insert("x-amz-thing", format!("{header}x").parse().unwrap()); }
            _ => { request.headers.insert("host", "elsewhere".parse().unwrap()); }
        }
        prop_assert_eq!(verify(&request, &body, now), Err(SigError::Mismatch));
    }

    /// Nothing that a stranger sends makes us panic.
    #[test]
    fn strangers_cannot_panic_us(authorization in "(AWS4-HMAC-SHA256 )?[ -~]{0,80}", date in "[0-9TZ]{0,20}", query in "(X-Amz-[A-Z][a-z]{3,9}=[!-~&&[^#]]{0,9}&?){0,5}") {
        let request = Request::builder().uri(format!("/?{query}"));
        if let Ok(request) = request.header("authorization", authorization).header("x-amz-date", date).body(()) {
            let mut parts = request.into_parts().0;
            let _ = parse(&parts);
            let _ = presumed_service(&parts);
            parts.headers.remove("authorization");
            let _ = parse(&parts);
            let _ = presumed_service(&parts);
        }
    }
}
