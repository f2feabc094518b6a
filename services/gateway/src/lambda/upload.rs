//! Code that arrives in a request: checked, and kept before any row names it.

use aws_model::Blob;
use bytes::Bytes;
use domain::{Architecture, Code};
use package::{Limits, PackageError};
use wire::Fault;

use super::faults;
use crate::call::Call;

/// Bytes of code that an account may keep in a region (Lambda quotas: 75 GB).
pub(super) const STORAGE_BYTES_MAX: u64 = 80_530_636_800;

/// Where a request says that the code comes from.
pub(super) struct Source {
    pub(super) zip: Option<Blob>,
    /// Any of the members that name an object in S3.
    pub(super) s3: bool,
    pub(super) image: bool,
    pub(super) kms_key: bool,
}

impl Source {
    /// The zip, where the request gives one and nothing else.
    pub(super) fn zip(self) -> Result<Bytes, Fault> {
        if self.kms_key {
            return Err(faults::not_supported("SourceKMSKeyArn"));
        }
        match self.zip {
            Some(_) if self.s3 || self.image => Err(faults::invalid(
                "Please do not provide other FunctionCode parameters when providing a ZipFile.",
            )),
            Some(zip) if zip.0.is_empty() => {
                Err(faults::invalid("Uploaded file must be a non-empty zip"))
            }
            Some(zip) => Ok(Bytes::from(zip.0)),
            None if self.s3 => Err(faults::not_supported(
                "Code from S3 (S3Bucket, S3Key): send it as ZipFile; S3 as a source",
            )),
            None if self.image => Err(faults::not_supported(
                "A container image (ImageUri): send a zip as ZipFile; ImageUri",
            )),
            None => Err(faults::invalid(
                "Please provide a source for function code.",
            )),
        }
    }
}

/// Checks a zip as AWS would.
pub(super) async fn check(
    cx: &Call,
    zip: Bytes,
    architecture: Architecture,
) -> Result<Code, Fault> {
    // Decompressing 250 MB takes a second: not on a thread that serves others.
    let checked = tokio::task::spawn_blocking(move || package::check(&zip, &Limits::LAMBDA)).await;
    match checked {
        Ok(Ok(checked)) => Ok(Code {
            sha256: checked.sha256,
            size: checked.size,
            architecture,
        }),
        Ok(Err(error)) => Err(refused(cx, &error)),
        Err(error) => {
            tracing::error!(request.id = %cx.request_id, %error, "checking a zip failed");
            Err(Fault::internal())
        }
    }
}

/// Keeps a checked zip, if the account has room for it.
pub(super) async fn keep(cx: &Call, code: &Code, zip: Bytes) -> Result<(), Fault> {
    let store = &cx.app.store;
    let usage = store
        .function_usage(cx.account, &cx.region)
        .await
        .map_err(|error| crate::internal(&error, cx))?;
    if usage.is_some_and(|usage| usage.code_bytes.saturating_add(code.size) > STORAGE_BYTES_MAX) {
        return Err(faults::code_storage_exceeded());
    }
    cx.app.blobs.put(&code.sha256, zip).await.map_err(|error| {
        tracing::error!(request.id = %cx.request_id, %error, "could not keep code");
        Fault::internal()
    })
}

fn refused(cx: &Call, error: &PackageError) -> Fault {
    if let PackageError::ZippedTooLarge { limit, .. } = error {
        return faults::too_large(format!("Zipped size must be smaller than {limit} bytes"));
    }
    if let Some(text) = error.aws_message() {
        tracing::debug!(request.id = %cx.request_id, %error, "zip refused");
        return faults::invalid(text);
    }
    tracing::error!(request.id = %cx.request_id, %error, "checking a zip failed");
    Fault::internal()
}
