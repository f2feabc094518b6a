//! `tollgate up --demo DIR`: the first minute of a new user, done for them.

use std::path::Path;

use anyhow::{Result, bail};

use super::deploy;
use super::endpoint::Endpoint;
use super::invoke::invoke;

/// Deploys the directory, invokes its function and prints answer, log and cost.
pub(crate) async fn run(endpoint: &Endpoint, dir: &Path) -> Result<()> {
    let manifest = deploy::read(dir)?;
    eprintln!("\nDeploying {} ...", dir.display());
    let arn = deploy::deploy(endpoint, dir, &manifest).await?;
    eprintln!("Deployed  {arn}\n");
    let answer = invoke(
        endpoint,
        &manifest.name,
        None,
        true,
        "{\"name\":\"Ada\"}".into(),
    )
    .await?;
    eprintln!(
        "Answer    {}",
        String::from_utf8_lossy(&answer.payload).trim_end()
    );
    for (at, line) in answer
        .log
        .unwrap_or_default()
        .trim_end()
        .lines()
        .enumerate()
    {
        eprintln!(
            "{} {}",
            if at == 0 { "Log      " } else { "         " },
            line.trim_end()
        );
    }
    eprintln!("Cost      {}", answer.cost.as_deref().unwrap_or("unknown"));
    if let Some(error) = answer.error {
        bail!("The function failed ({error}).");
    }
    let program = std::env::args()
        .next()
        .unwrap_or_else(|| "tollgate".to_owned());
    eprintln!(
        "\nTollgate stays up until Ctrl-C. In another terminal:\n  \
         {program} invoke {name} --payload '{{\"name\":\"you\"}}' --tail\n  \
         {program} logs {name}\n  \
         eval \"$({program} env)\" && aws lambda list-functions\n",
        name = manifest.name
    );
    Ok(())
}
