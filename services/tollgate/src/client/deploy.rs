//! `tollgate deploy`: a directory becomes a function.

use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::Egress;
use http::Method;
use indicatif::{ProgressBar, ProgressStyle};
use package::manifest::{self, Manifest};
use serde_json::{Value, json};

use super::api::is_missing;
use super::endpoint::Endpoint;
use super::output::print;
use crate::args::{Deploy, Reach};
use crate::settings::percent_encoded;

const FUNCTIONS: &str = "/2015-03-31/functions";

/// How long a function may take to become active.
const ACTIVE_TIME_MAX: Duration = Duration::from_mins(2);

pub(crate) async fn run(args: Deploy) -> Result<ExitCode> {
    let endpoint = Endpoint::choose(&args.client)?;
    let mut manifest = read(&args.dir)?;
    if let Some(name) = args.name {
        manifest.name = name;
    }
    let mut arn = deploy(&endpoint, &args.dir, &manifest).await?;
    if let Some(reach) = args.egress {
        tag(&endpoint, &arn, reach).await?;
    }
    if args.publish {
        let path = format!("{FUNCTIONS}/{}/versions", percent_encoded(&manifest.name));
        let version = endpoint.lambda(Method::POST, path, &json!({})).await?;
        arn = text(&version, "FunctionArn");
    }
    print(arn.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// Asks for egress, or takes that back.
async fn tag(endpoint: &Endpoint, arn: &str, reach: Reach) -> Result<()> {
    let path = format!("/2017-03-31/tags/{}", percent_encoded(arn));
    let key = domain::egress::TAG;
    match reach {
        Reach::Internet => {
            let body = json!({"Tags": {key: Egress::Internet.to_string()}});
            endpoint.lambda(Method::POST, path, &body).await?;
        }
        Reach::None => {
            let path = format!("{path}?tagKeys={}", percent_encoded(key));
            endpoint.lambda(Method::DELETE, path, &Value::Null).await?;
        }
    }
    Ok(())
}

/// The directory's manifest.
pub(crate) fn read(dir: &Path) -> Result<Manifest> {
    let file = dir.join(manifest::FILE);
    let text = std::fs::read_to_string(&file).with_context(|| {
        format!(
            "{} cannot be read. A directory to deploy has a {} with at least name, runtime and handler",
            file.display(),
            manifest::FILE
        )
    })?;
    Ok(Manifest::parse(&text)?)
}

/// Builds, zips, uploads and waits. Answers the function's ARN.
pub(crate) async fn deploy(endpoint: &Endpoint, dir: &Path, manifest: &Manifest) -> Result<String> {
    if let Some(command) = &manifest.build {
        build(dir, command, &manifest.runtime).await?;
    }
    let progress = bar(&manifest.name);
    let root = dir.join(&manifest.include);
    let zip = tokio::task::spawn_blocking(move || package::build(&root)).await??;
    let zip = STANDARD.encode(zip);
    let present = present(endpoint, &manifest.name).await?;
    let arn = match present {
        None => create(endpoint, manifest, zip, &progress).await?,
        Some(function) => update(endpoint, manifest, &function, zip, &progress).await?,
    };
    progress.set_message(format!("{} becomes active", manifest.name));
    settled(endpoint, &manifest.name).await?;
    progress.finish_and_clear();
    Ok(arn)
}

fn bar(name: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes}");
    let bar = ProgressBar::new(0);
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.set_message(format!("Deploying {name}"));
    bar
}

/// Runs the manifest's build command in its directory. Its output goes to standard error: ours is the ARN.
async fn build(dir: &Path, command: &str, runtime: &str) -> Result<()> {
    eprintln!("Building: {command}");
    let status = tokio::process::Command::new("sh")
        .args(["-c", command])
        .current_dir(dir)
        .env("TOLLGATE_RUNTIME", runtime)
        .stdin(Stdio::null())
        .stdout(std::io::stderr())
        .status()
        .await
        .context("sh cannot be started")?;
    if !status.success() {
        bail!("The build command of {} failed ({status}).", dir.display());
    }
    Ok(())
}

async fn present(endpoint: &Endpoint, name: &str) -> Result<Option<Value>> {
    let path = format!("{FUNCTIONS}/{}/configuration", percent_encoded(name));
    match endpoint.lambda(Method::GET, path, &Value::Null).await {
        Ok(function) => Ok(Some(function)),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn create(
    endpoint: &Endpoint,
    manifest: &Manifest,
    zip: String,
    progress: &ProgressBar,
) -> Result<String> {
    let mut body = configuration(manifest);
    body["FunctionName"] = json!(manifest.name);
    // The API asks for a role; what it may do is not looked at yet.
    body["Role"] = json!(format!(
        "arn:aws:iam::{}:role/tollgate-deploy",
        endpoint.account().await?
    ));
    body["Code"] = json!({"ZipFile": zip});
    if let Some(architecture) = &manifest.architecture {
        body["Architectures"] = json!([architecture]);
    }
    let path = FUNCTIONS.to_owned();
    let made = endpoint
        .lambda_watched(Method::POST, path, &body, progress)
        .await?;
    Ok(text(&made, "FunctionArn"))
}

/// The configuration first, where it differs: new code may need it.
async fn update(
    endpoint: &Endpoint,
    manifest: &Manifest,
    present: &Value,
    zip: String,
    progress: &ProgressBar,
) -> Result<String> {
    let name = percent_encoded(&manifest.name);
    let wanted = configuration(manifest);
    if differs(&wanted, present) {
        let path = format!("{FUNCTIONS}/{name}/configuration");
        endpoint.lambda(Method::PUT, path, &wanted).await?;
        settled(endpoint, &manifest.name).await?;
    }
    let mut body = json!({"ZipFile": zip});
    if let Some(architecture) = &manifest.architecture {
        body["Architectures"] = json!([architecture]);
    }
    let path = format!("{FUNCTIONS}/{name}/code");
    let updated = endpoint
        .lambda_watched(Method::PUT, path, &body, progress)
        .await?;
    Ok(text(&updated, "FunctionArn"))
}

/// What the manifest says about the function's configuration; what it leaves out is not touched.
fn configuration(manifest: &Manifest) -> Value {
    let mut body = json!({"Runtime": manifest.runtime, "Handler": manifest.handler});
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            body[name] = value;
        }
    };
    set("MemorySize", manifest.memory_mb.map(Value::from));
    set("Timeout", manifest.timeout_s.map(Value::from));
    set(
        "EphemeralStorage",
        manifest.ephemeral_mb.map(|mb| json!({"Size": mb})),
    );
    set("Description", manifest.description.clone().map(Value::from));
    let variables = &manifest.environment;
    set(
        "Environment",
        (!variables.is_empty()).then(|| json!({"Variables": variables})),
    );
    body
}

fn differs(wanted: &Value, present: &Value) -> bool {
    let members = wanted.as_object().into_iter().flatten();
    members
        .into_iter()
        .any(|(name, value)| present.get(name) != Some(value))
}

/// Waits until the function is active and its last update is through.
async fn settled(endpoint: &Endpoint, name: &str) -> Result<()> {
    let began = Instant::now();
    let mut pause = Duration::from_millis(20);
    loop {
        let function = present(endpoint, name)
            .await?
            .context("the function is gone")?;
        match (
            function["State"].as_str(),
            function["LastUpdateStatus"].as_str(),
        ) {
            (Some("Active"), Some("Successful") | None) => return Ok(()),
            (Some("Failed"), _) => bail!("{name} failed: {}.", text(&function, "StateReason")),
            (_, Some("Failed")) => {
                bail!(
                    "The update of {name} failed: {}.",
                    text(&function, "LastUpdateStatusReason")
                )
            }
            _ if began.elapsed() > ACTIVE_TIME_MAX => {
                bail!(
                    "{name} is not active after {} s.",
                    ACTIVE_TIME_MAX.as_secs()
                )
            }
            _ => tokio::time::sleep(pause).await,
        }
        pause = (pause * 2).min(Duration::from_secs(1));
    }
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(rest: &str) -> Manifest {
        Manifest::parse(&format!(
            "name = 'f'\nruntime = 'python3.11'\nhandler = 'app.handler'\n{rest}"
        ))
        .unwrap()
    }

    #[test]
    fn only_what_the_manifest_says_is_sent() {
        assert_eq!(
            configuration(&manifest("")),
            json!({"Runtime": "python3.11", "Handler": "app.handler"})
        );
        let full =
            manifest("memory_mb = 256\ntimeout_s = 9\nephemeral_mb = 600\n[environment]\nA = 'b'");
        let expected = json!({
            "Runtime": "python3.11", "Handler": "app.handler", "MemorySize": 256, "Timeout": 9,
            "EphemeralStorage": {"Size": 600}, "Environment": {"Variables": {"A": "b"}},
        });
        assert_eq!(configuration(&full), expected);
    }

    #[test]
    fn an_update_is_sent_only_where_something_differs() {
        let wanted = configuration(&manifest("memory_mb = 256"));
        let present = json!({"Runtime": "python3.11", "Handler": "app.handler", "MemorySize": 256, "Timeout": 3});
        assert!(!differs(&wanted, &present));
        assert!(differs(
            &configuration(&manifest("timeout_s = 4")),
            &present
        ));
        assert!(differs(
            &configuration(&manifest("[environment]\nA = 'b'")),
            &present
        ));
    }
}
