//! `ListFunctions`.

use aws_model::lambda::{FunctionConfiguration, ListFunctionsRequest, ListFunctionsResponse};
use domain::{Qualifier, Version};
use store::versions::{After, Listing};
use wire::Fault;

use crate::call::Call;
use crate::lambda::{configuration, paging};

/// `MasterRegion` selects the edge replicas of functions of another region. There are none here, so it changes nothing.
pub(in crate::lambda) async fn list(
    cx: Call,
    input: ListFunctionsRequest,
) -> Result<ListFunctionsResponse, Fault> {
    let after = paging::read_version_marker(input.marker.as_deref())?;
    // The model allows one value: ALL.
    let listing = if input.function_version.is_some() {
        Listing::All
    } else {
        Listing::Latest
    };
    let (functions, next_marker) = listed_page(&cx, listing, after, input.max_items).await?;
    Ok(ListFunctionsResponse {
        next_marker,
        functions: Some(functions),
    })
}

/// One page of a listing, and the marker of the next.
pub(in crate::lambda) async fn listed_page(
    cx: &Call,
    listing: Listing<'_>,
    after: Option<After>,
    max_items: Option<i32>,
) -> Result<(Vec<FunctionConfiguration>, Option<String>), Fault> {
    let size = paging::page_size(max_items);
    let mut versions = cx
        .app
        .store
        .versions(cx.account, &cx.region, listing, after.as_ref(), size + 1)
        .await
        .map_err(|error| crate::internal(&error, cx))?;
    let next = paging::cut(&mut versions, size).map(|last| {
        let number = match last.version {
            Version::Latest => 0,
            Version::Published(number) => number,
        };
        paging::version_marker(&last.arn.name, number)
    });
    let with_version = !matches!(listing, Listing::Latest);
    let page = versions
        .iter()
        .map(|version| {
            let qualifier = with_version.then_some(Qualifier::Version(version.version));
            configuration::listed(version, qualifier)
        })
        .collect();
    Ok((page, next))
}
