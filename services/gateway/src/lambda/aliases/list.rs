//! `ListAliases`.

use aws_model::lambda::{ListAliasesRequest, ListAliasesResponse};
use domain::Version;
use wire::Fault;

use super::answer;
use crate::call::Call;
use crate::lambda::{faults, names, paging};

pub(in crate::lambda) async fn list(
    cx: Call,
    input: ListAliasesRequest,
) -> Result<ListAliasesResponse, Fault> {
    let arn = names::unqualified(&cx, "lambda:ListAliases", &input.function_name)?;
    // The model lets digits pass, however many: no alias points at a version that cannot exist.
    let impossible = Version::Published(u32::MAX);
    let version = input
        .function_version
        .map(|text| text.parse().unwrap_or(impossible));
    let after = paging::read_alias_marker(input.marker.as_deref())?;
    let size = paging::page_size(input.max_items);
    let store = &cx.app.store;
    let after = after.as_ref().map(domain::AliasName::as_str);
    let mut aliases = store
        .aliases(&arn, version, after, size + 1)
        .await
        .map_err(|error| crate::internal(&error, &cx))?;
    if aliases.is_empty()
        && !store
            .function_exists(&arn)
            .await
            .map_err(|error| crate::internal(&error, &cx))?
    {
        return Err(faults::function_not_found(&arn));
    }
    let next_marker = paging::cut(&mut aliases, size).map(|last| paging::alias_marker(&last.name));
    let aliases = aliases
        .iter()
        .map(|alias| answer::of(&arn, alias))
        .collect();
    Ok(ListAliasesResponse {
        next_marker,
        aliases: Some(aliases),
    })
}
