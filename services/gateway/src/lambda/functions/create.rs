//! `CreateFunction`.

use aws_model::lambda::{CreateFunctionRequest, FunctionConfiguration};
use domain::{Architecture, Code, FunctionArn, FunctionVersion, Stamp, State, Version};
use store::functions::FUNCTION_EXISTS;
use wire::Fault;

use crate::call::Call;
use crate::lambda::configuration::{self, Progress};
use crate::lambda::settings::{self, unsupported};
use crate::lambda::upload::{self, Source};
use crate::lambda::{faults, names};

pub(in crate::lambda) async fn create(
    cx: Call,
    mut input: CreateFunctionRequest,
) -> Result<FunctionConfiguration, Fault> {
    let arn = new_name(&cx, &input.function_name)?;
    unsupported::in_create(&input)?;
    let dead_letter = settings::dead_letter(&cx, &arn, input.dead_letter_config.take()).await?;
    let configuration = settings::created(&arn.name, &mut input, dead_letter)?;
    let architecture =
        settings::architecture(input.architectures.as_deref())?.unwrap_or(Architecture::X86_64);
    let tags = input.tags.take().unwrap_or_default();
    settings::check_new_tags(&tags)?;
    let zip = source(&mut input).zip()?;
    let code = upload::check(&cx, zip.clone(), architecture).await?;
    // Told before a name that is taken costs the blob store anything; the transaction decides.
    if cx
        .app
        .store
        .function_exists(&arn)
        .await
        .map_err(|error| crate::internal(&error, &cx))?
    {
        return Err(faults::function_exists(&arn.name));
    }
    upload::keep(&cx, &code, zip).await?;
    let stamp = settings::stamp(&cx);
    let publish = input.publish.unwrap_or(false);
    let latest = latest(arn, configuration, code, stamp);
    let name = latest.arn.name.clone();
    let version = cx
        .app
        .store
        .create_function(latest, &tags, publish, stamp)
        .await
        .map_err(|error| match error.constraint() {
            Some(FUNCTION_EXISTS) => faults::function_exists(&name),
            _ => crate::internal(&error, &cx),
        })?;
    cx.app.forget();
    // The ARN stays without a qualifier, published or not, as on AWS.
    Ok(configuration::of(&version, None, Progress::Creating))
}

fn latest(
    arn: FunctionArn,
    configuration: domain::Configuration,
    code: Code,
    stamp: Stamp,
) -> FunctionVersion {
    FunctionVersion {
        arn,
        version: Version::Latest,
        configuration,
        code,
        state: State::Active,
        revision_id: stamp.revision_id,
        change_id: stamp.change_id,
        last_modified: stamp.at,
    }
}

/// The name of a function to be: not qualified, and at most 64 characters.
fn new_name(cx: &Call, name: &str) -> Result<FunctionArn, Fault> {
    let last = name.rsplit(':').next().unwrap_or(name);
    if last.len() > 64 {
        return Err(faults::name_too_long(last));
    }
    let arn = names::function(cx, "lambda:CreateFunction", name, None)?;
    match arn.qualifier {
        Some(_) => Err(faults::bad_function_name(name)),
        None => Ok(arn),
    }
}

fn source(input: &mut CreateFunctionRequest) -> Source {
    let code = &mut input.code;
    Source {
        zip: code.zip_file.take(),
        s3: code.s3_bucket.is_some() || code.s3_key.is_some() || code.s3_object_version.is_some(),
        image: code.image_uri.is_some(),
        kms_key: code.source_kms_key_arn.is_some(),
    }
}
