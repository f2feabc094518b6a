//! The protocols from outside: requests as clients send them to bound operations, answers as they get them.

mod aws_json;
mod aws_query;
mod botocore;
mod constraints;
mod rest_json;

use bytes::Bytes;
use http::{Request, Response};

use crate::Service;

/// Serves one request and shows what a client sees of the answer.
async fn serve(service: &Service<()>, request: Request<Bytes>) -> (u16, String) {
    let response = service
        .serve((), "11111111-2222-3333-4444-555555555555", request)
        .await;
    assert_eq!(
        response.headers()["x-amzn-requestid"],
        "11111111-2222-3333-4444-555555555555"
    );
    shown(response)
}

fn shown(response: Response<Bytes>) -> (u16, String) {
    let (parts, body) = response.into_parts();
    let kind = parts
        .headers
        .get("x-amzn-errortype")
        .map(|kind| format!("{} ", kind.to_str().unwrap()));
    let body = String::from_utf8(body.to_vec()).unwrap();
    (parts.status.as_u16(), kind.unwrap_or_default() + &body)
}

fn request(method: &str, target: &str, body: &str) -> Request<Bytes> {
    Request::builder()
        .method(method)
        .uri(target)
        .body(Bytes::copy_from_slice(body.as_bytes()))
        .unwrap()
}
