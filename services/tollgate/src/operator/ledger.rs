//! `tollgate ledger`.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Result;
use domain::AccountId;
use domain::bill::ledger::Code;
use domain::bill::money::fixed;
use serde_json::{Value, json};
use store::Store;
use store::ledger::Balance;

use super::{open, table};
use crate::args::Ledger;
use crate::client::print;
use crate::config::Settings;

pub(crate) async fn run(settings: &Settings, command: Ledger) -> Result<ExitCode> {
    let store = open(settings).await?;
    match command {
        Ledger::Verify { json, .. } => return verify(&store, json).await,
        Ledger::Accounts { account, json, .. } => accounts(&store, account, json).await?,
        Ledger::Journal {
            account,
            limit,
            json,
            ..
        } => journal(&store, account, limit, json).await?,
        Ledger::Balance { account, json, .. } => balance(&store, account, json).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn verify(store: &Store, as_json: bool) -> Result<ExitCode> {
    let checks = store.verify_ledger().await?;
    let head = store.ledger_head().await?;
    let holds = checks.iter().all(|check| check.holds);
    if as_json {
        let all: Vec<Value> = checks
            .iter()
            .map(|check| json!({"name": check.name, "holds": check.holds, "detail": check.detail}))
            .collect();
        let head = head.map(|head| json!({"seal": head.seal_no, "hash": hex::encode(head.hash)}));
        let all = json!({"holds": holds, "checks": all, "head": head});
        print(serde_json::to_string_pretty(&all)?.as_bytes())?;
    } else {
        let rows = checks.into_iter().map(|check| {
            let holds = if check.holds { "holds" } else { "VIOLATED" };
            [holds.to_owned(), check.name.to_owned(), check.detail]
        });
        let mut text = table(["STATE", "INVARIANT", "DETAIL"], rows);
        if let Some(head) = head {
            let (seal_no, hash) = (head.seal_no, hex::encode(head.hash));
            text = format!("{text}\n\nHead: seal {seal_no}, {hash}");
        }
        print(text.as_bytes())?;
    }
    Ok(if holds {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn accounts(store: &Store, account: Option<AccountId>, as_json: bool) -> Result<()> {
    let balances = store.ledger_balances(account).await?;
    if as_json {
        let all: Vec<Value> = balances
            .iter()
            .map(|one| {
                json!({"account": one.account.to_string(), "code": one.code, "kind": one.kind, "currency": one.currency,
                    "journals": one.journals, "balance": fixed(one.amount_e10, 10)})
            })
            .collect();
        return print(serde_json::to_string_pretty(&all)?.as_bytes());
    }
    let rows = balances.into_iter().map(|one| {
        [
            one.account.to_string(),
            one.code,
            one.kind,
            one.journals.to_string(),
            format!("{} {}", fixed(one.amount_e10, 10), one.currency),
        ]
    });
    print(
        table(
            [
                "CUSTOMER",
                "ACCOUNT",
                "KIND",
                "JOURNALS",
                "BALANCE (+ DEBIT, - CREDIT)",
            ],
            rows,
        )
        .as_bytes(),
    )
}

async fn journal(store: &Store, account: AccountId, limit: i64, as_json: bool) -> Result<()> {
    let journals = store.journals(account, limit).await?;
    if as_json {
        let all: Vec<Value> = journals
            .iter()
            .map(|one| {
                let posting = |one: &store::ledger::PostingRow| {
                    json!({"code": one.code, "currency": one.currency, "amount": fixed(one.amount_e10, 10)})
                };
                let postings: Vec<Value> = one.postings.iter().map(posting).collect();
                json!({"id": one.id, "key": one.key, "kind": one.kind, "effective_at": one.effective_at,
                    "posted_at": one.posted_at, "seal": one.seal_no, "postings": postings})
            })
            .collect();
        return print(serde_json::to_string_pretty(&all)?.as_bytes());
    }
    let mut rows = Vec::new();
    for one in journals {
        let mut first = Some((one.id, one.key, one.effective_at, one.seal_no));
        for posting in one.postings {
            let (id, key, at, seal) = match first.take() {
                None => Default::default(),
                Some((id, key, at, seal)) => (
                    id.to_string(),
                    key,
                    at.format("%Y-%m-%d %H:%M:%S").to_string(),
                    seal.map_or_else(|| "-".to_owned(), |seal| seal.to_string()),
                ),
            };
            let amount = format!("{} {}", fixed(posting.amount_e10, 10), posting.currency);
            rows.push([id, key, at, seal, posting.code, amount]);
        }
    }
    let header = [
        "ID",
        "WHAT FOR",
        "EFFECTIVE (UTC)",
        "SEAL",
        "ACCOUNT",
        "AMOUNT",
    ];
    print(table(header, rows.into_iter()).as_bytes())
}

async fn balance(store: &Store, account: AccountId, as_json: bool) -> Result<()> {
    let balances = store.ledger_balances(Some(account)).await?;
    let mut of: BTreeMap<String, [i128; 3]> = BTreeMap::new();
    let shown = [Code::Unbilled, Code::Receivable, Code::CustomerCredit];
    for Balance {
        code,
        currency,
        amount_e10,
        ..
    } in balances
    {
        let sums = of.entry(currency).or_default();
        for (sum, wanted) in sums.iter_mut().zip(shown) {
            if wanted.as_str() == code {
                // What a customer has to their credit is a credit: shown as theirs.
                *sum = if wanted == Code::CustomerCredit {
                    -amount_e10
                } else {
                    amount_e10
                };
            }
        }
    }
    if as_json {
        let all: Vec<Value> = of
            .into_iter()
            .map(|(currency, [unbilled, owed, credit])| {
                json!({"currency": currency, "unbilled": fixed(unbilled, 10), "owed": fixed(owed, 10), "credit": fixed(credit, 10)})
            })
            .collect();
        return print(serde_json::to_string_pretty(&all)?.as_bytes());
    }
    let rows = of.into_iter().map(|(currency, sums)| {
        let [unbilled, owed, credit] = sums.map(|sum| fixed(sum, 10));
        [currency, unbilled, owed, credit]
    });
    print(table(["CURRENCY", "USED, NOT INVOICED", "OWED", "CREDIT"], rows).as_bytes())
}
