use aws_model::ce::{
    GetDimensionValuesRequest, GetDimensionValuesResponse, GetTagsRequest, SortDefinition,
};

use super::*;
use crate::ce::{dimension_values, tags};

fn asked(dimension: &str) -> GetDimensionValuesRequest {
    GetDimensionValuesRequest {
        time_period: interval("2026-10-01", "2026-12-01"),
        dimension: dimension.to_owned(),
        ..GetDimensionValuesRequest::default()
    }
}

fn texts(answer: &GetDimensionValuesResponse) -> Vec<&str> {
    let values = answer.dimension_values.iter();
    values
        .map(|value| value.value.as_deref().unwrap())
        .collect()
}

#[tokio::test]
async fn values_of_dimensions() {
    let world = used().await;
    let get = async |input| dimension_values::get(world.call(ALICE), input).await;
    let all = get(asked("USAGE_TYPE")).await.unwrap();
    assert_eq!(
        texts(&all),
        ["EU-Lambda-GB-Second", "EU-Request", "Request"]
    );
    assert_eq!(
        (all.return_size, all.total_size, &all.next_page_token),
        (3, 3, &None)
    );

    let mut searched = asked("USAGE_TYPE");
    searched.search_string = Some("REQUEST".to_owned());
    searched.filter = Some(dimension("REGION", &["eu-west-1"]));
    assert_eq!(texts(&get(searched).await.unwrap()), ["EU-Request"]);

    let mut sorted = asked("USAGE_TYPE");
    let sort = |key: &str, order: Option<&str>| {
        Some(vec![SortDefinition {
            key: key.to_owned(),
            sort_order: order.map(str::to_owned),
        }])
    };
    sorted.sort_by = sort("UnblendedCost", None);
    assert_eq!(
        texts(&get(sorted.clone()).await.unwrap()),
        ["EU-Lambda-GB-Second", "Request", "EU-Request"]
    );
    sorted.sort_by = sort("UsageQuantity", Some("ASCENDING"));
    assert_eq!(
        texts(&get(sorted.clone()).await.unwrap()),
        ["EU-Request", "EU-Lambda-GB-Second", "Request"]
    );
    sorted.sort_by = sort("Colour", None);
    refused(
        get(sorted).await,
        "ValidationException",
        "cannot be sorted by",
    );

    let mut paged = asked("REGION");
    paged.max_results = Some(1);
    let first = get(paged.clone()).await.unwrap();
    assert_eq!(
        (texts(&first), first.return_size, first.total_size),
        (vec!["eu-west-1"], 1, 2)
    );
    paged.next_page_token = first.next_page_token;
    let second = get(paged).await.unwrap();
    assert_eq!(
        (texts(&second), second.next_page_token.clone()),
        (vec!["us-east-1"], None)
    );
    refused(
        get(asked("LINKED_ACCOUNT_NAME")).await,
        "ValidationException",
        "not a dimension",
    );
}

#[tokio::test]
async fn tags_of_what_was_used() {
    let world = used().await;
    tagged(&world, "us-east-1", "a", "team", "core").await;
    tagged(&world, "us-east-1", "unused", "colour", "red").await;
    let get = async |key: Option<&str>, search: Option<&str>| {
        let input = GetTagsRequest {
            time_period: interval("2026-10-01", "2026-12-01"),
            tag_key: key.map(str::to_owned),
            search_string: search.map(str::to_owned),
            ..GetTagsRequest::default()
        };
        tags::get(world.call(ALICE), input).await.unwrap().tags
    };
    assert_eq!(get(None, None).await, ["team"]);
    // What has no such tag has an empty one.
    assert_eq!(get(Some("team"), None).await, ["", "core"]);
    assert_eq!(get(Some("team"), Some("OR")).await, ["core"]);
    assert_eq!(get(Some("colour"), None).await, [""]);
}
