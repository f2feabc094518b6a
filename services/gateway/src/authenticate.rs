//! Who asks: `SigV4` verified against the account's keys, from the header or from a presigned query.

use bytes::Bytes;
use domain::{AccountId, Region};
use http::request::Parts;
use sha2::{Digest as _, Sha256};
use wire::sigv4::{self, SigError};

use crate::call::App;
use crate::keys::Key;

/// A signature's claim, checked as far as it can be without the body.
pub(crate) struct Claim {
    presented: sigv4::Presented,
    key: std::sync::Arc<Key>,
}

/// Who signed, for which service and region.
pub(crate) struct Caller {
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    pub(crate) service: String,
    pub(crate) access_key_id: String,
}

/// Why a request is not let in.
pub(crate) enum Refusal {
    Signature(SigError),
    /// Postgres could not be asked.
    Store(store::Error),
}

/// Reads the claim and looks its key up, before the body is read: strangers cannot make us buffer one.
pub(crate) async fn claim(app: &App, parts: &Parts) -> Result<Claim, Refusal> {
    let presented = sigv4::parse(parts).map_err(Refusal::Signature)?;
    let key = app
        .keys
        .find(presented.access_key_id())
        .await
        .map_err(Refusal::Store)?;
    let key = key.ok_or(Refusal::Signature(SigError::UnknownKey))?;
    Ok(Claim { presented, key })
}

impl Claim {
    /// Checks the signature over the request and its body.
    pub(crate) fn verify(self, app: &App, parts: &Parts, body: &Bytes) -> Result<Caller, Refusal> {
        let Self { presented, key } = self;
        let digest: [u8; 32] = Sha256::digest(body).into();
        let signing = key.signing_key(presented.scope());
        presented
            .verify(&signing, parts, &digest, app.host_clock.now())
            .map_err(Refusal::Signature)?;
        let scope = presented.scope();
        let region = scope
            .region
            .parse()
            .map_err(|_| Refusal::Signature(SigError::BadScope))?;
        Ok(Caller {
            account: key.account,
            region,
            service: scope.service.clone(),
            access_key_id: presented.access_key_id().to_owned(),
        })
    }
}
