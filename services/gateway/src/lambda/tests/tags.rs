use aws_model::lambda::{ListTagsRequest, TagResourceRequest, UntagResourceRequest};

use super::*;
use crate::lambda::tags;

#[tokio::test]
async fn functions_are_tagged_by_arn() {
    let world = World::new().await;
    create(&world, "f").await;
    let tag = async |resource: &str, entries: &[(&str, &str)]| {
        let input = TagResourceRequest {
            resource: resource.to_owned(),
            tags: map(entries),
        };
        tags::tag(world.call(ALICE), input).await
    };
    tag(ARN, &[("a", "1"), ("b", "2")]).await.unwrap();
    let input = UntagResourceRequest {
        resource: ARN.to_owned(),
        tag_keys: vec!["a".to_owned(), "nosuch".to_owned(), "n\0".to_owned()],
    };
    tags::untag(world.call(ALICE), input).await.unwrap();
    let list = tags::list(
        world.call(ALICE),
        ListTagsRequest {
            resource: ARN.to_owned(),
        },
    )
    .await;
    assert_eq!(list.unwrap().tags, Some(map(&[("b", "2")])));

    let many: Vec<_> = (0..50).map(|n| format!("k{n}")).collect();
    let many: Vec<_> = many.iter().map(|key| (key.as_str(), "")).collect();
    invalid(
        tag(ARN, &many).await,
        "Number of tags exceeds resource tag limit.",
    );
    tag(ARN, &many[1..]).await.unwrap();
    invalid(
        tag(ARN, &[]).await,
        "An error occurred and the request cannot be processed.",
    );
    invalid(
        tag(&format!("{ARN}:1"), &[("a", "")]).await,
        "Tags on function aliases and versions are not supported. Please specify a function ARN.",
    );
    invalid(
        tag(ARN, &[("tollgate:egress", "everywhere")]).await,
        "The tag tollgate:egress must have the value internet, not \"everywhere\". Functions without the tag reach nothing outside.",
    );
    let nowhere = "arn:aws:lambda:eu-west-1:111111111111:function:g";
    not_found(
        tag(nowhere, &[("a", "")]).await,
        &format!("Function not found: {nowhere}"),
    );
    let elsewhere = "arn:aws:lambda:eu-west-1:111111111111:event-source-mapping:1";
    invalid(
        tag(elsewhere, &[("a", "")]).await,
        "Tagging anything but functions is not supported by Tollgate yet.",
    );
}
