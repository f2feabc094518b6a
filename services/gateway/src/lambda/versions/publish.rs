//! `PublishVersion`: makes a version that never changes from `$LATEST`.

use aws_model::lambda::{FunctionConfiguration, PublishVersionRequest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::Qualifier;
use store::versions::Demand;
use wire::Fault;

use crate::call::Call;
use crate::lambda::configuration::{self, Progress};
use crate::lambda::{faults, names, settings};

pub(in crate::lambda) async fn publish(
    cx: Call,
    input: PublishVersionRequest,
) -> Result<FunctionConfiguration, Fault> {
    if input.publish_to.is_some() {
        return Err(faults::not_supported("PublishTo"));
    }
    let arn = names::unqualified(&cx, "lambda:PublishVersion", &input.function_name)?;
    settings::check_text("Description", input.description.as_deref())?;
    let code_sha256 = input.code_sha256.filter(|digest| !digest.is_empty());
    let demand = Demand {
        revision_id: settings::demanded(input.revision_id),
        code_sha256: code_sha256.as_deref().map(hex_of),
    };
    let stamp = settings::stamp(&cx);
    let version = cx
        .app
        .store
        .publish_version(&arn, &demand, input.description, stamp)
        .await
        .map_err(|error| crate::internal(&error, &cx))?
        .map_err(|refusal| faults::refused(&arn, refusal, code_sha256.as_deref()))?;
    cx.app.forget();
    let qualifier = Qualifier::Version(version.version);
    Ok(configuration::of(&version, Some(qualifier), Progress::Done))
}

/// A digest as the store compares it; one that is none stays as it is and equals nothing.
fn hex_of(base64: &str) -> String {
    STANDARD
        .decode(base64)
        .map_or_else(|_| base64.to_owned(), hex::encode)
}
