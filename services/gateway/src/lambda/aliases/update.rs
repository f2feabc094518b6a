//! `UpdateAlias`: what the request leaves out stays; an empty routing configuration ends the weighting.

use aws_model::lambda::{AliasConfiguration, UpdateAliasRequest};
use domain::{Alias, AliasName, FunctionArn, Qualifier, Version};
use store::aliases::Refusal;
use wire::Fault;

use super::{answer, routing};
use crate::call::Call;
use crate::lambda::{faults, names, settings};

pub(in crate::lambda) async fn update(
    cx: Call,
    input: UpdateAliasRequest,
) -> Result<AliasConfiguration, Fault> {
    let arn = names::unqualified(&cx, "lambda:UpdateAlias", &input.function_name)?;
    settings::check_text("Description", input.description.as_deref())?;
    let name: AliasName = input
        .name
        .parse()
        .map_err(|_| faults::bad_qualifier(&input.name))?;
    let revision_id = settings::demanded(input.revision_id.clone());
    let changes = Changes::read(&cx, &arn, input)?;
    let (version, other) = (changes.version, changes.other());
    let alias = cx
        .app
        .store
        .update_alias(&arn, &name, revision_id.as_deref(), |alias| {
            changes.apply(alias)
        })
        .await
        .map_err(|error| {
            answer::no_version(&error, &arn, version.unwrap_or(Version::Latest), other)
                .unwrap_or_else(|| crate::internal(&error, &cx))
        })?
        .map_err(|refusal| refused(&arn, name, refusal))??;
    cx.app.forget();
    Ok(answer::of(&arn, &alias))
}

fn refused(arn: &FunctionArn, name: AliasName, refusal: Refusal) -> Fault {
    match refusal {
        Refusal::NoFunction => faults::function_not_found(arn),
        Refusal::NoAlias => {
            faults::alias_not_found(arn.clone().qualified(Some(Qualifier::Alias(name))))
        }
        Refusal::RevisionDiffers => faults::revision_differs(),
    }
}

/// What becomes of the second version.
enum Routing {
    Keep,
    Set(Option<(Version, f64)>),
}

struct Changes {
    version: Option<Version>,
    description: Option<String>,
    routing: Routing,
    revision_id: String,
}

impl Changes {
    fn read(cx: &Call, arn: &FunctionArn, input: UpdateAliasRequest) -> Result<Self, Fault> {
        let version = input
            .function_version
            .map(|text| routing::version(arn, &text))
            .transpose()?;
        let routing = match input.routing_config {
            Some(config) => Routing::Set(routing::read(arn, &config)?),
            None => Routing::Keep,
        };
        Ok(Self {
            version,
            description: input.description,
            routing,
            revision_id: cx.app.ids.random().to_string(),
        })
    }

    fn other(&self) -> Option<Version> {
        match self.routing {
            Routing::Set(Some((other, _))) => Some(other),
            Routing::Set(None) | Routing::Keep => None,
        }
    }

    fn apply(self, alias: &mut Alias) -> Result<(), Fault> {
        alias.version = self.version.unwrap_or(alias.version);
        if let Routing::Set(routing) = self.routing {
            alias.routing = routing;
        }
        if let Some(description) = self.description {
            alias.description = description;
        }
        // Even an update that changes nothing changes the revision.
        alias.revision_id = self.revision_id;
        routing::check(alias.version, alias.routing)
    }
}
