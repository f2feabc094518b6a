//! `UpdateFunctionConfiguration`: what the request leaves out stays; what it gives empty becomes empty.

use aws_model::lambda::{FunctionConfiguration, UpdateFunctionConfigurationRequest};
use store::versions::Demand;
use wire::Fault;

use crate::call::Call;
use crate::lambda::configuration::{self, Progress};
use crate::lambda::settings::{self, unsupported};
use crate::lambda::{faults, names};

pub(in crate::lambda) async fn update_configuration(
    cx: Call,
    mut input: UpdateFunctionConfigurationRequest,
) -> Result<FunctionConfiguration, Fault> {
    let action = "lambda:UpdateFunctionConfiguration";
    let arn = names::whole(&cx, action, &input.function_name)?;
    unsupported::in_update(&input)?;
    let demand = Demand {
        revision_id: settings::demanded(input.revision_id.take()),
        code_sha256: None,
    };
    let dead_letter = settings::dead_letter(&cx, &arn, input.dead_letter_config.take()).await?;
    let changes = settings::changes(&arn.name, input, dead_letter)?;
    let version = cx
        .app
        .store
        .update_configuration(
            &arn,
            &demand,
            |current| changes.apply(current),
            settings::stamp(&cx),
        )
        .await
        .map_err(|error| crate::internal(&error, &cx))?
        .map_err(|refusal| faults::refused(&arn, refusal, None))??;
    cx.app.forget();
    Ok(configuration::of(&version, None, Progress::Updating))
}
