//! `tollgate accounts terms`.

use anyhow::{Context, Result};
use chassis::Clock;
use store::Store;

use crate::args::Terms;
use crate::client::{print, table};

pub(super) async fn run(store: &Store, args: &Terms) -> Result<()> {
    let account = super::parse(&args.account)?;
    let found = store.account(account).await?;
    found.with_context(|| super::no_account(account))?;
    let mut terms = store.billing_terms(account).await?;
    if let Some(book) = &args.book {
        super::prices::find(store, book).await?;
        terms.book.clone_from(book);
    }
    if args.free_tier || args.no_free_tier {
        terms.free_tier = args.free_tier;
    }
    if args.book.is_some() || args.free_tier || args.no_free_tier {
        let now = Clock::system().now();
        store.set_billing_terms(account, &terms, now).await?;
    }
    let free_tier = if terms.free_tier { "yes" } else { "no" };
    let row = vec![account.to_string(), terms.book, free_tier.to_owned()];
    print(table(&["ACCOUNT", "BOOK", "FREE TIER"], vec![row], &[]).as_bytes())
}
