//! Which Tollgate a command speaks to, and as whom.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use http::Uri;
use wire::sigv4;

use crate::args::Client;
use crate::data_dir::{self, Credentials};

/// The data directory where none is named.
const DATA_DIR: &str = ".tollgate";

/// A Tollgate to speak to.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    pub(crate) uri: Uri,
    pub(crate) region: String,
    pub(crate) credentials: sigv4::Credentials,
    /// Certificates to trust, where the endpoint is `https` with a certificate of its own.
    pub(crate) trust: Option<PathBuf>,
}

impl Endpoint {
    /// As the flags say, then the environment (`AWS_ENDPOINT_URL` with its keys), then the data directory.
    pub(crate) fn choose(args: &Client) -> Result<Self> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let region = args.region.clone();
        if args.data_dir.is_none()
            && let Some(url) =
                variable("AWS_ENDPOINT_URL_LAMBDA").or_else(|| variable("AWS_ENDPOINT_URL"))
        {
            let key = |name: &str| {
                variable(name).with_context(|| {
                    format!("AWS_ENDPOINT_URL is set, but {name} is not: run `eval \"$(tollgate env)\"`.")
                })
            };
            return Ok(Self {
                uri: parse(&url)?,
                region: region
                    .or_else(|| variable("AWS_REGION"))
                    .or_else(|| variable("AWS_DEFAULT_REGION"))
                    .unwrap_or_else(|| "us-east-1".to_owned()),
                credentials: sigv4::Credentials {
                    access_key_id: key("AWS_ACCESS_KEY_ID")?,
                    secret: key("AWS_SECRET_ACCESS_KEY")?,
                    session_token: variable("AWS_SESSION_TOKEN"),
                },
                trust: variable("AWS_CA_BUNDLE").map(PathBuf::from),
            });
        }
        Self::of(
            &data_dir::credentials(&dir(args.data_dir.as_deref()))?,
            region,
        )
    }

    /// The Tollgate that left these credentials.
    pub(crate) fn of(left: &Credentials, region: Option<String>) -> Result<Self> {
        Ok(Self {
            uri: parse(&left.endpoint)?,
            region: region.unwrap_or_else(|| left.region.clone()),
            credentials: sigv4::Credentials {
                access_key_id: left.access_key_id.clone(),
                secret: left.secret_access_key.clone(),
                session_token: None,
            },
            trust: left.ca_bundle.clone(),
        })
    }
}

/// The data directory of a command that reads no configuration: `--data-dir`, `TOLLGATE_DATA_DIR`, `.tollgate`.
pub(crate) fn dir(flag: Option<&Path>) -> PathBuf {
    let named = flag.map(Path::to_owned);
    named
        .or_else(|| std::env::var_os("TOLLGATE_DATA_DIR").map(PathBuf::from))
        .unwrap_or_else(|| PathBuf::from(DATA_DIR))
}

fn parse(url: &str) -> Result<Uri> {
    let uri: Uri = url.parse().with_context(|| {
        format!("{url:?} is not an endpoint's URL such as http://127.0.0.1:9400")
    })?;
    if uri.host().is_none() || !matches!(uri.scheme_str(), Some("http" | "https")) {
        bail!("{url:?} is not an endpoint's URL such as http://127.0.0.1:9400.");
    }
    Ok(uri)
}
