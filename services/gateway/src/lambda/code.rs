//! Links under which a function's code can be downloaded without credentials, for ten minutes.
//!
//! A link's ten minutes are the client's: they pass on the host's clock, wherever a development clock stands.
//!
//! A link's token is an HMAC over the code's digest and the link's end, under a key that all gateways share. Nothing is
//! stored, and a link is no use for other code.

use bytes::{Bytes, BytesMut};
use chrono::TimeDelta;
use futures::TryStreamExt as _;
use hmac::{Hmac, Mac as _};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use package::BlobError;
use sha2::Sha256;

use crate::call::{App, Call};

/// As AWS's own links.
const LINK_LIFE: TimeDelta = TimeDelta::minutes(10);

const PATH: &str = "/_tollgate/code/";

/// The link to the code with this hex digest, reachable as the caller reached us.
pub(super) fn link(cx: &Call, sha256: &str) -> String {
    let end = (cx.app.host_clock.now() + LINK_LIFE).timestamp();
    let token = hex::encode(mac(&cx.app, sha256, end).finalize().into_bytes());
    format!("{}{PATH}{sha256}?expires={end}&token={token}", cx.base_url)
}

/// Serves a link. Who has a valid one may have the code; who has not learns nothing, not even whether there is such code.
pub(crate) async fn download(app: &App, path: &str, query: &str) -> Response<Bytes> {
    let sha256 = path.strip_prefix(PATH).unwrap_or_default();
    if !is_valid(app, sha256, query) {
        return plain(
            StatusCode::FORBIDDEN,
            "This link is not valid, or its time is over.\n",
        );
    }
    let zip = async {
        let (size, stream) = app.blobs.read(sha256).await?;
        let zip = BytesMut::with_capacity(usize::try_from(size).unwrap_or(0));
        stream
            .try_fold(zip, |mut zip, chunk| async move {
                zip.extend_from_slice(&chunk);
                Ok(zip)
            })
            .await
    };
    match zip.await {
        Ok(zip) => {
            let mut response = Response::new(zip.freeze());
            let zip_type = HeaderValue::from_static("application/zip");
            response.headers_mut().insert(CONTENT_TYPE, zip_type);
            response
        }
        Err(BlobError::Missing(_)) => plain(StatusCode::NOT_FOUND, "The code was deleted.\n"),
        Err(error) => {
            tracing::error!(%error, "could not read code for a download");
            plain(
                StatusCode::INTERNAL_SERVER_ERROR,
                "The code could not be read.\n",
            )
        }
    }
}

fn is_valid(app: &App, sha256: &str, query: &str) -> bool {
    let end = wire::query_value(query, "expires").and_then(|end| end.parse::<i64>().ok());
    let token = wire::query_value(query, "token").and_then(|token| hex::decode(&*token).ok());
    let (Some(end), Some(token)) = (end, token) else {
        return false;
    };
    app.host_clock.now().timestamp() < end && mac(app, sha256, end).verify_slice(&token).is_ok()
}

fn mac(app: &App, sha256: &str, end: i64) -> Hmac<Sha256> {
    // A key of one block cannot be refused; padding with zeros is what HMAC does with a shorter one.
    let mut key = [0; 64];
    key[..32].copy_from_slice(&app.url_key);
    let mut mac = Hmac::<Sha256>::new(&key.into());
    mac.update(format!("code/{sha256}/{end}").as_bytes());
    mac
}

fn plain(status: StatusCode, text: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(text.as_bytes()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}
