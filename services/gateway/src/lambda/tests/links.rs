use aws_model::lambda::GetFunctionRequest;
use chrono::TimeDelta;
use http::StatusCode;

use super::*;
use crate::lambda::code::download;

#[tokio::test]
async fn code_is_downloaded_by_its_link_for_ten_minutes() {
    let world = World::new().await;
    create(&world, "f").await;
    let input = GetFunctionRequest {
        function_name: "f".to_owned(),
        qualifier: None,
    };
    let function = handlers::get(world.call(ALICE), input).await.unwrap();
    let link = function.code.unwrap().location.unwrap();
    let link = link.strip_prefix("http://127.0.0.1:9400").unwrap();
    let (path, query) = link.split_once('?').unwrap();
    let response = download(&world.app, path, query).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "application/zip");
    assert_eq!(response.body(), &zip("f.py", "print(1)"));

    let refused = async |path: &str, query: &str| {
        let response = download(&world.app, path, query).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{path} {query}");
    };
    refused(path, "").await;
    refused(path, "token=AAAA").await;
    refused(path, &query.replace("expires=1", "expires=2")).await;
    refused(path, &query[..query.len() - 2]).await;
    refused(&path.replace(|c: char| c.is_ascii_digit(), "0"), query).await;
    refused("/_tollgate/code/", query).await;
    world.clock.advance(TimeDelta::seconds(599));
    assert_eq!(
        download(&world.app, path, query).await.status(),
        StatusCode::OK
    );
    world.clock.advance(TimeDelta::seconds(1));
    refused(path, query).await;
}
