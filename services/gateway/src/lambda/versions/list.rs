//! `ListVersionsByFunction`: `$LATEST` first, then the published versions by number.

use aws_model::lambda::{ListVersionsByFunctionRequest, ListVersionsByFunctionResponse};
use store::versions::{After, Listing};
use wire::Fault;

use crate::call::Call;
use crate::lambda::functions::listed_page;
use crate::lambda::{faults, names, paging};

pub(in crate::lambda) async fn list(
    cx: Call,
    input: ListVersionsByFunctionRequest,
) -> Result<ListVersionsByFunctionResponse, Fault> {
    let arn = names::unqualified(&cx, "lambda:ListVersionsByFunction", &input.function_name)?;
    let after = paging::read_version_marker(input.marker.as_deref())?;
    // Another function's marker must not start the listing anew.
    let after = after.map(|after| After {
        name: arn.name.to_string(),
        ..after
    });
    let listing = Listing::Of(arn.name.as_str());
    let first_page = after.is_none();
    let (versions, next_marker) = listed_page(&cx, listing, after, input.max_items).await?;
    // Every function has $LATEST, so an empty first page is of none.
    if versions.is_empty() && first_page {
        return Err(faults::function_not_found(&arn));
    }
    Ok(ListVersionsByFunctionResponse {
        next_marker,
        versions: Some(versions),
    })
}
