//! `tollgate env`: what makes the AWS CLI and SDKs speak to a running Tollgate.

use std::fmt::Write;

use anyhow::Result;

use super::endpoint::dir;
use super::output::print;
use crate::args::Client;
use crate::data_dir;

/// Prints `export` lines for a shell. The values hold no character that a shell would touch, and are quoted all the same.
pub(crate) fn run(args: &Client) -> Result<()> {
    let left = data_dir::credentials(&dir(args.data_dir.as_deref()))?;
    let region = args.region.as_ref().unwrap_or(&left.region);
    let mut lines = vec![
        ("AWS_ENDPOINT_URL", left.endpoint.as_str()),
        ("AWS_ACCESS_KEY_ID", &left.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", &left.secret_access_key),
        ("AWS_REGION", region),
        ("AWS_DEFAULT_REGION", region),
    ];
    let bundle = left
        .ca_bundle
        .as_ref()
        .map(|path| path.display().to_string());
    if let Some(bundle) = &bundle {
        lines.push(("AWS_CA_BUNDLE", bundle));
    }
    let mut text = String::new();
    for (name, value) in lines {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "export {name}={}", quoted(value));
    }
    // A token of other credentials would make every signature wrong.
    text.push_str("unset AWS_SESSION_TOKEN AWS_PROFILE\n");
    print(text.as_bytes())
}

fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}
