//! `UpdateFunctionCode`.

use aws_model::lambda::{FunctionConfiguration, UpdateFunctionCodeRequest};
use domain::{Code, FunctionArn, Qualifier, Version};
use store::versions::Demand;
use wire::Fault;

use super::get::load;
use crate::call::Call;
use crate::lambda::configuration::{self, Progress};
use crate::lambda::upload::{self, Source};
use crate::lambda::{faults, names, settings};

pub(in crate::lambda) async fn update_code(
    cx: Call,
    mut input: UpdateFunctionCodeRequest,
) -> Result<FunctionConfiguration, Fault> {
    if input.publish_to.is_some() {
        return Err(faults::not_supported("PublishTo"));
    }
    let arn = names::whole(&cx, "lambda:UpdateFunctionCode", &input.function_name)?;
    let architecture = settings::architecture(input.architectures.as_deref())?;
    let before = load(&cx, &arn).await?;
    if input.image_uri.is_some() {
        return Err(faults::invalid(
            "Please don't provide ImageUri when updating a function with packageType Zip.",
        ));
    }
    let zip = source(&mut input).zip()?;
    let architecture = architecture.unwrap_or(before.code.architecture);
    let code = upload::check(&cx, zip.clone(), architecture).await?;
    let demand = Demand {
        revision_id: settings::demanded(input.revision_id),
        code_sha256: None,
    };
    if input.dry_run == Some(true) {
        return dry_run(before, &demand, code);
    }
    upload::keep(&cx, &code, zip).await?;
    write(&cx, &arn, &demand, code, input.publish.unwrap_or(false)).await
}

async fn write(
    cx: &Call,
    arn: &FunctionArn,
    demand: &Demand,
    code: Code,
    publish: bool,
) -> Result<FunctionConfiguration, Fault> {
    let version = cx
        .app
        .store
        .update_code(arn, demand, code, publish, settings::stamp(cx))
        .await
        .map_err(|error| crate::internal(&error, cx))?
        .map_err(|refusal| faults::refused(arn, refusal, None))?;
    cx.app.forget();
    Ok(match version.version {
        Version::Latest => configuration::of(&version, None, Progress::Updating),
        published @ Version::Published(_) => {
            let qualifier = Qualifier::Version(published);
            configuration::of(&version, Some(qualifier), Progress::Creating)
        }
    })
}

/// What the update would make, with the new code's digest and size, and nothing changed.
fn dry_run(
    mut version: domain::FunctionVersion,
    demand: &Demand,
    code: Code,
) -> Result<FunctionConfiguration, Fault> {
    let revision = version.revision_id.to_string();
    if demand
        .revision_id
        .as_ref()
        .is_some_and(|demanded| *demanded != revision)
    {
        return Err(faults::revision_differs());
    }
    version.code = code;
    Ok(configuration::of(&version, None, Progress::Done))
}

fn source(input: &mut UpdateFunctionCodeRequest) -> Source {
    Source {
        zip: input.zip_file.take(),
        s3: input.s3_bucket.is_some()
            || input.s3_key.is_some()
            || input.s3_object_version.is_some(),
        image: false,
        kms_key: input.source_kms_key_arn.is_some(),
    }
}
