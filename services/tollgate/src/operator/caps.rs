//! `tollgate caps`: set, remove, list, and what was spent.

use anyhow::{Context, Result, bail};
use chassis::Ids;
use domain::AccountId;
use domain::bill::Month;
use domain::bill::cap::{Scope, spent_e10};
use domain::bill::money::fixed;
use rust_decimal::Decimal;
use serde_json::json;
use store::Store;
use store::billing_terms::Books;
use store::caps::{Cap, CapMonth};

use super::{no_account, open, parse, table};
use crate::args::{CapScope, Caps, ListCaps, SetCap};
use crate::client::print;
use crate::config::Settings;
use crate::platform_clock;

/// Largest limit, in whole units of the currency.
const LIMIT_MAX: i64 = 100_000_000;

/// Digits behind the point of an amount.
const DIGITS: u32 = 10;

pub(crate) async fn run(settings: &Settings, command: Caps) -> Result<()> {
    let store = open(settings).await?;
    match command {
        Caps::Set(args) => set(settings, &store, args).await,
        Caps::Remove(args) => {
            let (account, scope) = whose(settings, &store, &args.scope).await?;
            if !store.remove_cap(account, &scope).await? {
                bail!("There is no cap on {scope} of account {account}: see `tollgate caps list`.");
            }
            Ok(())
        }
        Caps::List(args) => list(settings, &store, args).await,
        Caps::Status(args) => status(settings, &store, args).await,
    }
}

async fn whose(settings: &Settings, store: &Store, scope: &CapScope) -> Result<(AccountId, Scope)> {
    let account = match &scope.account {
        Some(id) => parse(id)?,
        None => settings.config.account,
    };
    store
        .account(account)
        .await?
        .with_context(|| no_account(account))?;
    Ok((account, scope.scope(settings.config.region.as_str())?))
}

async fn set(settings: &Settings, store: &Store, args: SetCap) -> Result<()> {
    let (account, scope) = whose(settings, store, &args.scope).await?;
    if let Scope::Function(region, name) = &scope
        && store
            .function_arns(account, None)
            .await?
            .iter()
            .all(|arn| arn.region != *region || arn.name != *name)
    {
        bail!("Account {account} has no function {name} in {region}: see `tollgate functions`.");
    }
    let now = platform_clock::now(&settings.config.data_dir)?;
    let cap = Cap {
        id: Ids.random(),
        limit_e10: limit(args.limit)?,
        currency: args.currency.parse()?,
        action: args.action,
        scope,
    };
    let spent = spent_so_far(store, account, &cap, Month::of(now)).await?;
    store.set_cap(account, &cap, spent, now).await?;
    let text = format!(
        "Account {account}, {}: {} {} a month, then {}. Spent this month so far: {}.\n",
        cap.scope,
        amount(cap.limit_e10),
        cap.currency,
        cap.action,
        amount(spent),
    );
    print(text.as_bytes())
}

fn limit(amount: Decimal) -> Result<i64> {
    let scaled = amount * Decimal::from(10_i64.pow(DIGITS));
    let fits =
        Decimal::ZERO <= amount && amount <= Decimal::from(LIMIT_MAX) && scaled.fract().is_zero();
    if !fits {
        bail!(
            "A limit is from 0 to {LIMIT_MAX} with at most {DIGITS} digits behind the point, got {amount}."
        );
    }
    Ok(i64::try_from(scaled)?)
}

/// What the month has cost under this scope before there was a cap, at list price.
async fn spent_so_far(store: &Store, account: AccountId, cap: &Cap, month: Month) -> Result<i64> {
    let mut usage = store.month_usage(account, month).await?;
    let tag = match &cap.scope {
        Scope::Account => None,
        Scope::Function(region, name) => {
            let arn = format!("arn:aws:lambda:{region}:{account}:function:{name}");
            usage.retain(|row| row.resource == arn);
            None
        }
        Scope::Tag(key, value) => Some((key.as_str(), value.as_str())),
    };
    if let Some(tag) = tag {
        let functions = store.function_arns(account, Some(tag)).await?;
        let functions: Vec<String> = functions.iter().map(ToString::to_string).collect();
        usage.retain(|row| functions.contains(&row.resource));
    }
    let (_, book) = store.account_book(account, &Books::default()).await?;
    spent_e10(&book, &usage, cap.currency).context("The month's usage is out of range.")
}

async fn months(
    settings: &Settings,
    store: &Store,
    args: &ListCaps,
) -> Result<Vec<(AccountId, CapMonth)>> {
    let account = args.account.as_deref().map(parse).transpose()?;
    Ok(store
        .cap_months(
            account,
            Month::of(platform_clock::now(&settings.config.data_dir)?),
        )
        .await?)
}

async fn list(settings: &Settings, store: &Store, args: ListCaps) -> Result<()> {
    let months = months(settings, store, &args).await?;
    if args.json {
        let caps: Vec<_> = months.iter().map(|(account, month)| {
            let cap = &month.cap;
            json!({"account": account.to_string(), "scope": cap.scope.to_string(), "limit": amount(cap.limit_e10),
                "currency": cap.currency.to_string(), "action": cap.action.to_string()})
        }).collect();
        return print(format!("{:#}\n", json!(caps)).as_bytes());
    }
    if months.is_empty() {
        return print(b"There are no caps: see `tollgate caps set --help`.\n");
    }
    let rows = months.into_iter().map(|(account, month)| {
        let cap = month.cap;
        [
            account.to_string(),
            cap.scope.to_string(),
            format!("{} {}", amount(cap.limit_e10), cap.currency),
            cap.action.to_string(),
        ]
    });
    print((table(["ACCOUNT", "SCOPE", "LIMIT A MONTH", "THEN"], rows) + "\n").as_bytes())
}

async fn status(settings: &Settings, store: &Store, args: ListCaps) -> Result<()> {
    let months = months(settings, store, &args).await?;
    if args.json {
        let caps: Vec<_> = months.iter().map(|(account, month)| {
            let cap = &month.cap;
            json!({"account": account.to_string(), "scope": cap.scope.to_string(), "limit": amount(cap.limit_e10),
                "currency": cap.currency.to_string(), "action": cap.action.to_string(), "spent": amount(month.settled_e10),
                "forfeited": amount(month.forfeited_e10), "held": amount(month.held_e10), "beyond": amount(month.beyond_e10),
                "state": state(month), "reached_at": month.reached_at})
        }).collect();
        return print(format!("{:#}\n", json!(caps)).as_bytes());
    }
    if months.is_empty() {
        return print(b"There are no caps: see `tollgate caps set --help`.\n");
    }
    let rows = months.into_iter().map(|(account, month)| {
        [
            account.to_string(),
            month.cap.scope.to_string(),
            format!("{} {}", amount(month.cap.limit_e10), month.cap.currency),
            amount(month.settled_e10),
            amount(month.held_e10),
            amount(month.beyond_e10),
            state(&month).to_owned(),
        ]
    });
    let header = [
        "ACCOUNT", "SCOPE", "LIMIT", "SPENT", "HELD", "BEYOND", "STATE",
    ];
    print((table(header, rows) + "\n").as_bytes())
}

/// `reached` from the first refusal on, for as long as the limit stays what it is.
fn state(month: &CapMonth) -> &'static str {
    if month.reached_at.is_some() {
        "reached"
    } else {
        "open"
    }
}

/// An amount without superfluous zeros, with two digits at least.
fn amount(e10: i64) -> String {
    let text = fixed(e10.into(), DIGITS);
    let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
    let rest = rest.trim_end_matches('0');
    format!("{whole}.{rest:0<2}")
}
