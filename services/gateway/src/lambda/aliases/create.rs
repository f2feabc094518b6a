//! `CreateAlias`.

use aws_model::lambda::{AliasConfiguration, CreateAliasRequest};
use domain::{Alias, AliasName, FunctionArn, Qualifier};
use store::aliases::{ALIAS_EXISTS, Refusal};
use wire::Fault;

use super::{answer, routing};
use crate::call::Call;
use crate::lambda::{faults, names, settings};

pub(in crate::lambda) async fn create(
    cx: Call,
    input: CreateAliasRequest,
) -> Result<AliasConfiguration, Fault> {
    let arn = names::unqualified(&cx, "lambda:CreateAlias", &input.function_name)?;
    settings::check_text("Description", input.description.as_deref())?;
    let alias = alias(&cx, &arn, input)?;
    cx.app
        .store
        .create_alias(&arn, &alias)
        .await
        .map_err(|error| failed(&cx, &arn, &alias, &error))?
        .map_err(|refusal| match refusal {
            Refusal::NoFunction | Refusal::NoAlias | Refusal::RevisionDiffers => {
                answer::version_not_found(&arn, alias.version)
            }
        })?;
    cx.app.forget();
    Ok(answer::of(&arn, &alias))
}

fn alias(cx: &Call, arn: &FunctionArn, input: CreateAliasRequest) -> Result<Alias, Fault> {
    let name: AliasName = input
        .name
        .parse()
        .map_err(|_| faults::bad_qualifier(&input.name))?;
    let version = routing::version(arn, &input.function_version)?;
    let routing = input
        .routing_config
        .map(|config| routing::read(arn, &config))
        .transpose()?;
    let routing = routing.flatten();
    routing::check(version, routing)?;
    Ok(Alias {
        name,
        version,
        description: input.description.unwrap_or_default(),
        routing,
        revision_id: cx.app.ids.random().to_string(),
    })
}

fn failed(cx: &Call, arn: &FunctionArn, alias: &Alias, error: &store::Error) -> Fault {
    if error.constraint() == Some(ALIAS_EXISTS) {
        let qualifier = Qualifier::Alias(alias.name.clone());
        return faults::alias_exists(arn.clone().qualified(Some(qualifier)));
    }
    answer::no_version(
        error,
        arn,
        alias.version,
        alias.routing.map(|(other, _)| other),
    )
    .unwrap_or_else(|| crate::internal(error, cx))
}
