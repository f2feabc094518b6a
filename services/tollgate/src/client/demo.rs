//! `tollgate up --demo DIR`: the first minute of a new user, done for them.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use chassis::Clock;
use domain::AccountId;
use domain::bill::Month;
use store::Store;

use super::deploy;
use super::endpoint::Endpoint;
use super::invoke::invoke;

/// Looks for the execution on the bill: it is there about a second after its end.
const LOOKS: usize = 50;
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Where the bill is.
#[derive(Clone)]
pub(crate) struct Bill {
    pub(crate) store: Store,
    pub(crate) account: AccountId,
    pub(crate) clock: Clock,
}

impl Bill {
    /// The draft of this month's invoice, as soon as there is something on it.
    async fn draft(&self) -> Result<Option<String>> {
        for _ in 0..LOOKS {
            let now = self.clock.now();
            let draft = self.store.draft(self.account, Month::of(now), now).await?;
            if let Some(bill) = draft.and_then(|mut draft| draft.bills.pop()) {
                return Ok(Some(documents::text::render(&bill.document)?));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(None)
    }
}

/// Deploys the directory, invokes its function and prints answer, log, cost and the draft of the invoice.
pub(crate) async fn run(endpoint: &Endpoint, dir: &Path, bill: &Bill) -> Result<()> {
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
    if let Some(draft) = bill.draft().await? {
        eprintln!("\n{}", draft.trim_end());
    }
    let program = std::env::args()
        .next()
        .unwrap_or_else(|| "tollgate".to_owned());
    eprintln!(
        "\nTollgate stays up until Ctrl-C. In another terminal:\n  \
         {program} invoke {name} --payload '{{\"name\":\"you\"}}' --tail\n  \
         {program} logs {name}\n  \
         {program} billing report --by function\n  \
         eval \"$({program} env)\" && aws lambda list-functions\n",
        name = manifest.name
    );
    Ok(())
}
