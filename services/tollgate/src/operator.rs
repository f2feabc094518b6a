//! Commands that work on the database itself: accounts and their keys, prices, spend caps, reports over all
//! accounts.
//!
//! No AWS API makes an account or its first key, so these need the database and the master key, not a signature.

pub(crate) mod billing;
pub(crate) mod caps;
pub(crate) mod customers;
pub(crate) mod invoices;
pub(crate) mod ledger;
pub(crate) mod prices;

mod chart;
mod documents;
mod explain;
mod files;
mod forecast;
mod report;
mod simulate;
mod terms;

use anyhow::{Context, Result, bail};
use chassis::{Clock, Ids};
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use domain::AccountId;
use secrecy::ExposeSecret;
use store::access_keys::{Deletion, NewKey};
use store::{Role, Store, accounts};

use crate::args::{Accounts, Keys};
use crate::client::print;
use crate::config::Settings;
use crate::settings::open_store;

pub(crate) async fn run_accounts(settings: &Settings, command: Accounts) -> Result<()> {
    let store = open(settings).await?;
    match command {
        Accounts::Create { id, name, .. } => create_account(&store, id.as_deref(), &name).await,
        Accounts::List { .. } => {
            let rows = store.accounts().await?.into_iter().map(|account| {
                let first = if account.first { "first" } else { "" };
                [
                    account.id.to_string(),
                    account.name,
                    account.created_at.format("%Y-%m-%d %H:%M:%S").to_string(),
                    first.to_owned(),
                ]
            });
            print(table(["ID", "NAME", "CREATED (UTC)", ""], rows).as_bytes())
        }
        Accounts::Terms(args) => terms::run(&store, &args).await,
    }
}

pub(crate) async fn run_keys(settings: &Settings, command: Keys) -> Result<()> {
    let store = open(settings).await?;
    match command {
        Keys::Create { account, .. } => {
            let account = parse(&account)?;
            let made = store
                .create_access_key(account, Clock::system().now(), &Ids.bytes())
                .await?;
            show(&made.with_context(|| no_account(account))?)
        }
        Keys::List { account, .. } => {
            let account = parse(&account)?;
            store
                .account(account)
                .await?
                .with_context(|| no_account(account))?;
            let keys = store.access_keys(account).await?;
            let rows = keys.into_iter().map(|key| {
                [
                    key.id,
                    key.created_at.format("%Y-%m-%d %H:%M:%S").to_string(),
                ]
            });
            print(table(["ID", "CREATED (UTC)"], rows).as_bytes())
        }
        Keys::Delete { id, force, .. } => delete_key(&store, &id, force).await,
    }
}

async fn open(settings: &Settings) -> Result<Store> {
    let url = settings.operator_url()?;
    open_store(&settings.config, &url, Role::Owner, settings.given_vault()?).await
}

async fn create_account(store: &Store, id: Option<&str>, name: &str) -> Result<()> {
    let (asked, now) = (id.map(parse).transpose()?, Clock::system().now());
    let account = loop {
        let id = asked.unwrap_or_else(|| accounts::random_id(Ids.bytes()));
        match store.create_account(id, name, now).await? {
            Some(account) => break account,
            None if asked.is_some() => bail!("There is an account {id} already."),
            // A random id that is taken: draw again.
            None => {}
        }
    };
    let key = store
        .create_access_key(account.id, now, &Ids.bytes())
        .await?;
    show(&key.with_context(|| no_account(account.id))?)
}

async fn delete_key(store: &Store, id: &str, force: bool) -> Result<()> {
    let key = store.access_key(id).await?;
    let key = key.with_context(|| format!("There is no access key {id}."))?;
    match store.delete_access_key(key.account, id, force).await? {
        Deletion::Deleted => Ok(()),
        Deletion::NoSuchKey => bail!("There is no access key {id}."),
        Deletion::LastOfFirstAccount => bail!(
            "{id} is the last key of the first account: `tollgate env` would have none. Make another first, or use --force."
        ),
    }
}

/// A new key in a form that a shell can read: `eval "$(tollgate keys create ...)"`.
fn show(key: &NewKey) -> Result<()> {
    let text = format!(
        "# Account {}. The secret is shown this once.\nexport AWS_ACCESS_KEY_ID='{}'\nexport AWS_SECRET_ACCESS_KEY='{}'\n",
        key.account,
        key.id,
        key.secret.expose_secret()
    );
    print(text.as_bytes())
}

fn parse(id: &str) -> Result<AccountId> {
    id.parse()
        .map_err(|_| anyhow::anyhow!("{id:?} is not an account id: it has 12 digits."))
}

fn no_account(id: AccountId) -> String {
    format!("There is no account {id}: see `tollgate accounts list`.")
}

fn table<const N: usize>(header: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_header(header).add_rows(rows);
    let lines = table.lines().map(|line| line.trim().to_owned());
    lines.collect::<Vec<_>>().join("\n")
}
