//! `tollgate billing`.

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use documents::Format;
use domain::AccountId;
use store::Store;

use super::documents::{Export, export, render};
use crate::args::{Billing, Operator};
use crate::platform_clock;
use crate::run::operator_settings;

pub(crate) async fn run(command: Billing) -> Result<()> {
    match command {
        Billing::Simulate(args) => super::simulate::run(args).await,
        Billing::Report(args) => super::report::run(args).await,
        Billing::Forecast(args) => super::forecast::run(args).await,
        Billing::Invoices(command) => {
            let settings = operator_settings(command.operator())?;
            super::invoices::run(&settings, command).await
        }
        Billing::Pdf(args) => render(Format::Pdf, args).await,
        Billing::Html(args) => render(Format::Html, args).await,
        Billing::Csv(args) => render(Format::Csv, args).await,
        Billing::Xml(args) => render(Format::Ubl, args).await,
        Billing::Focus(args) => export(Export::Focus, args).await,
        Billing::Cur(args) => export(Export::Cur, args).await,
    }
}

/// The installation's database, and its time.
pub(super) struct Installation {
    pub(super) store: Store,
    pub(super) now: DateTime<Utc>,
}

impl Installation {
    pub(super) async fn open(operator: &Operator) -> Result<Self> {
        let settings = operator_settings(operator)?;
        let now = platform_clock::now(&settings.config.data_dir)?;
        let store = super::open(&settings).await?;
        Ok(Self { store, now })
    }

    /// Refuses an account that does not exist.
    pub(super) async fn check_account(&self, account: Option<AccountId>) -> Result<()> {
        let Some(account) = account else {
            return Ok(());
        };
        let found = self.store.account(account).await?;
        found
            .map(|_| ())
            .with_context(|| super::no_account(account))
    }
}
