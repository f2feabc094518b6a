//! Over a real database and the shipped price list.

use aws_model::pricing::{
    DescribeServicesRequest, Filter, GetAttributeValuesRequest, GetProductsRequest,
};
use domain::AccountId;
use serde_json::Value;
use store::billing_terms::Terms;
use wire::Fault;

use super::{attributes, products, services};
use crate::samples::{ALICE, World, now};

async fn priced() -> World {
    let world = World::new().await;
    world.app.store.seed_prices().await.unwrap();
    world
}

fn asked(filters: &[(&str, &str, &str)]) -> GetProductsRequest {
    let filter = |(kind, field, value): &(&str, &str, &str)| Filter {
        r#type: (*kind).to_owned(),
        field: (*field).to_owned(),
        value: (*value).to_owned(),
    };
    GetProductsRequest {
        service_code: "AWSLambda".to_owned(),
        filters: Some(filters.iter().map(filter).collect()),
        ..GetProductsRequest::default()
    }
}

async fn get(world: &World, input: GetProductsRequest) -> Result<Vec<Value>, Fault> {
    let answer = products::get(world.call(ALICE), input).await?;
    assert_eq!(answer.format_version.as_deref(), Some("aws_v1"));
    let list = answer.price_list.unwrap();
    Ok(list
        .iter()
        .map(|text| serde_json::from_str(text).unwrap())
        .collect())
}

/// Ranges and prices of a product's tiers, from below.
fn tiers(product: &Value) -> Vec<(String, String, String)> {
    let terms = product["terms"]["OnDemand"].as_object().unwrap();
    let offer = terms.values().next().unwrap();
    let dimensions = offer["priceDimensions"].as_object().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut tiers: Vec<_> = dimensions
        .iter()
        .map(|(rate, one)| {
            assert_eq!(one["rateCode"], rate.as_str());
            (
                text(&one["beginRange"]),
                text(&one["endRange"]),
                text(&one["pricePerUnit"]["USD"]),
            )
        })
        .collect();
    tiers.sort_by_key(|(from, ..)| from.len());
    tiers
}

#[tokio::test]
async fn a_product_is_a_price_of_the_book() {
    let world = priced().await;
    let by = [
        ("TERM_MATCH", "regionCode", "us-east-1"),
        ("EQUALS", "group", "AWS-Lambda-Duration"),
    ];
    let [product] = &get(&world, asked(&by)).await.unwrap()[..] else {
        panic!("one product")
    };
    let attributes = &product["product"]["attributes"];
    assert_eq!(attributes["location"], "US East (N. Virginia)");
    assert_eq!(attributes["usagetype"], "Lambda-GB-Second");
    assert_eq!(attributes["servicecode"], "AWSLambda");
    assert_eq!(product["product"]["productFamily"], "Serverless");
    let tier =
        |from: &str, to: &str, price: &str| (from.to_owned(), to.to_owned(), price.to_owned());
    assert_eq!(
        tiers(product),
        [
            tier("0", "6000000000", "0.0000166667"),
            tier("6000000000", "15000000000", "0.0000150000"),
            tier("15000000000", "Inf", "0.0000133334"),
        ]
    );
    // Codes do not change from one answer to the next.
    assert_eq!(get(&world, asked(&by)).await.unwrap()[0], *product);
    // A request is priced, though the book has prices of a million.
    let by = [("TERM_MATCH", "usagetype", "EUC1-Request")];
    let [request] = &get(&world, asked(&by)).await.unwrap()[..] else {
        panic!("one product")
    };
    assert_eq!(tiers(request), [tier("0", "Inf", "0.0000002000")]);
}

#[tokio::test]
async fn filters_choose_products() {
    let world = priced().await;
    let groups = async |filters: &[(&str, &str, &str)]| -> Vec<String> {
        let products = get(&world, asked(filters)).await.unwrap();
        let group = |one: &Value| {
            one["product"]["attributes"]["group"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        let mut groups: Vec<String> = products.iter().map(group).collect();
        groups.sort();
        groups
    };
    let here = ("TERM_MATCH", "regionCode", "eu-west-1");
    let (x86, arm) = ("AWS-Lambda-Duration", "AWS-Lambda-Duration-ARM");
    assert_eq!(
        groups(&[
            here,
            (
                "ANY_OF",
                "group",
                "AWS-Lambda-Duration,AWS-Lambda-Duration-ARM"
            )
        ])
        .await,
        [x86, arm]
    );
    assert_eq!(groups(&[here, ("CONTAINS", "group", "-ARM")]).await, [arm]);
    let all = groups(&[here]).await;
    let rest = groups(&[here, ("NONE_OF", "group", x86)]).await;
    assert_eq!(rest.len(), all.len() - 1);
    assert_eq!(
        groups(&[here, ("TERM_MATCH", "group", "nothing")]).await,
        Vec::<String>::new()
    );
    // What is free is a product of no region.
    let free = [("CONTAINS", "usagetype", "Global-")];
    assert_eq!(groups(&free).await.len(), 2);
    let terms = Terms {
        free_tier: false,
        book: "own".to_owned(),
    };
    let own = "region,sku,currency,unit,tier_from,tier_to,unit_price,valid_from,confidence\n\
        cellar-1,requests,EUR,1000000 requests,0,,9,2026-01-01,test\n\
        cellar-1,requests,EUR,1000000 requests,0,,8,2027-01-01,test\n";
    world.app.store.add_prices("own", own).await.unwrap();
    world
        .app
        .store
        .set_billing_terms(AccountId::new(ALICE).unwrap(), &terms, now())
        .await
        .unwrap();
    // Another book, other products; a price to come is none yet.
    let [own] = &get(&world, asked(&[])).await.unwrap()[..] else {
        panic!("one product")
    };
    let price = own.pointer("/terms/OnDemand").unwrap().to_string();
    assert!(
        price.contains(r#""pricePerUnit":{"EUR":"0.0000090000"}"#),
        "{price}"
    );
}

#[tokio::test]
async fn pages_and_values() {
    let world = priced().await;
    let (mut token, mut skus) = (None, Vec::new());
    loop {
        let mut input = asked(&[]);
        (input.max_results, input.next_token) = (Some(50), token);
        let answer = products::get(world.call(ALICE), input).await.unwrap();
        let list = answer.price_list.unwrap();
        assert!(list.len() <= 50);
        let sku = |text: &String| {
            serde_json::from_str::<Value>(text).unwrap()["product"]["sku"].to_string()
        };
        skus.extend(list.iter().map(sku));
        token = answer.next_token;
        if token.is_none() {
            break;
        }
    }
    let count = skus.len();
    skus.sort();
    skus.dedup();
    assert_eq!(skus.len(), count);
    assert!(count > 150, "{count}");
    let values = async |name: &str, token: Option<String>| {
        let input = GetAttributeValuesRequest {
            service_code: "AWSLambda".to_owned(),
            attribute_name: name.to_owned(),
            next_token: token,
            max_results: Some(2),
        };
        attributes::values(world.call(ALICE), input).await
    };
    let first = values("regionCode", None).await.unwrap();
    let texts = |list: Option<Vec<aws_model::pricing::AttributeValue>>| -> Vec<String> {
        list.unwrap()
            .into_iter()
            .filter_map(|one| one.value)
            .collect()
    };
    let second = values("regionCode", first.next_token.clone())
        .await
        .unwrap();
    let both = [
        texts(first.attribute_values),
        texts(second.attribute_values),
    ]
    .concat();
    // The free tier's region is none.
    assert_eq!(
        both,
        [
            "af-south-1",
            "ap-east-1",
            "ap-northeast-1",
            "ap-northeast-2"
        ]
    );
    assert_eq!(
        values("colour", None).await.unwrap_err().code(),
        "InvalidParameterException"
    );
}

#[tokio::test]
async fn there_is_one_service() {
    let world = priced().await;
    let describe = async |code: Option<&str>, format: Option<&str>| {
        let input = DescribeServicesRequest {
            service_code: code.map(str::to_owned),
            format_version: format.map(str::to_owned),
            ..DescribeServicesRequest::default()
        };
        services::describe(world.call(ALICE), input).await
    };
    for code in [None, Some("AWSLambda")] {
        let answer = describe(code, Some("aws_v1")).await.unwrap();
        let [service] = &answer.services.unwrap()[..] else {
            panic!("one service")
        };
        assert_eq!(service.service_code, "AWSLambda");
        assert!(
            service
                .attribute_names
                .as_ref()
                .unwrap()
                .iter()
                .any(|name| name == "usagetype")
        );
    }
    for (code, format) in [(Some("AmazonEC2"), None), (None, Some("aws_v2"))] {
        let fault = describe(code, format).await.unwrap_err();
        assert_eq!(
            (fault.status(), fault.code()),
            (400, "InvalidParameterException")
        );
    }
    let mut unknown = asked(&[("TERM_MATCH", "instanceType", "m5.large")]);
    let fault = get(&world, unknown.clone()).await.unwrap_err();
    assert!(fault.message().contains("instanceType"), "{fault}");
    unknown.filters = None;
    unknown.next_token = Some("?".to_owned());
    assert_eq!(
        get(&world, unknown).await.unwrap_err().code(),
        "InvalidNextTokenException"
    );
}
