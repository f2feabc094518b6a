//! `tollgate customers`.

use anyhow::{Context, Result};
use domain::AccountId;
use serde_json::{Value, json};
use store::Store;
use store::parties::Customer;

use super::{no_account, open};
use crate::args::{Customers, LateUsage, SetCustomer};
use crate::client::print;
use crate::config::Settings;
use crate::platform_clock;

pub(crate) async fn run(settings: &Settings, command: Customers) -> Result<()> {
    let store = open(settings).await?;
    match command {
        Customers::Show { account, json, .. } => show(&store, account, json).await,
        Customers::Set(args) => {
            let customer = store.customer(args.account).await?;
            let mut customer = customer.with_context(|| no_account(args.account))?;
            change(&mut customer, &args);
            store
                .set_customer(
                    args.account,
                    &customer,
                    platform_clock::now(&settings.config.data_dir)?,
                )
                .await?;
            show(&store, args.account, false).await
        }
    }
}

fn change(customer: &mut Customer, args: &SetCustomer) {
    let party = &mut customer.party;
    let texts = [
        (&mut party.name, &args.name),
        (&mut party.country, &args.country),
        (&mut party.tax_id, &args.tax_id),
        (&mut party.email, &args.email),
    ];
    for (kept, given) in texts {
        if let Some(given) = given {
            kept.clone_from(given);
        }
    }
    if !args.address.is_empty() {
        party.address.clone_from(&args.address);
    }
    if args.no_tax || !args.tax.is_empty() {
        customer.taxes.clone_from(&args.tax);
    }
    if let Some(late) = args.late_usage {
        customer.bill_all_late = late == LateUsage::Bill;
    }
}

async fn show(store: &Store, account: AccountId, as_json: bool) -> Result<()> {
    let customer = store.customer(account).await?;
    let customer = customer.with_context(|| no_account(account))?;
    let late = if customer.bill_all_late {
        "bill"
    } else {
        "write-off"
    };
    if as_json {
        let taxes: Vec<Value> = customer
            .taxes
            .iter()
            .map(|tax| json!({"name": tax.name, "percent": tax.percent()}))
            .collect();
        let all = json!({"account": account.to_string(), "party": customer.party, "taxes": taxes, "late_usage": late});
        return print(serde_json::to_string_pretty(&all)?.as_bytes());
    }
    let taxes: Vec<String> = customer
        .taxes
        .iter()
        .map(|tax| format!("{} {} %", tax.name, tax.percent()))
        .collect();
    let party = customer.party;
    let text = format!(
        "Account:    {account}\nName:       {}\nAddress:    {}\nCountry:    {}\nTax id:     {}\nE-mail:     {}\nTaxes:      {}\n\
         Late usage: {late}",
        party.name,
        party.address.join(", "),
        party.country,
        party.tax_id,
        party.email,
        taxes.join(", ")
    );
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    print(lines.join("\n").as_bytes())
}
