//! `tollgate prices`.

use anyhow::{Context, Result, bail};
use domain::bill::money::exact;
use domain::price::book::{PRICE_DIGITS, check_book_name};
use domain::price::diff::Diff;
use domain::price::text::time_text;
use domain::price::{Book, Price, Tier};
use serde::Serialize;
use store::Store;

use super::files::read_book;
use crate::args::{DiffPrices, ImportPrices, ListPrices, Prices};
use crate::client::{print, table};
use crate::config::Settings;

pub(crate) async fn run(settings: &Settings, command: Prices) -> Result<()> {
    let store = super::open(settings).await?;
    match command {
        Prices::Import(args) => import(&store, &args).await,
        Prices::List(args) => list(&store, &args).await,
        Prices::Books { json, .. } => books(&store, json).await,
        Prices::Diff(args) => diff(&store, &args).await,
        Prices::Export { book, .. } => print(find(&store, &book).await?.to_csv().as_bytes()),
    }
}

/// A book that there is.
pub(super) async fn find(store: &Store, name: &str) -> Result<Book> {
    let book = store.find_price_book(name).await?;
    book.with_context(|| format!("There is no price book {name:?}: see `tollgate prices books`."))
}

async fn import(store: &Store, args: &ImportPrices) -> Result<()> {
    check_book_name(&args.book)?;
    let (given, text) = read_book(&args.file)?;
    let file = args.file.display();
    let known = store.price_book(&args.book).await?;
    let diff = Diff::of(&known, &given);
    if let Some((_, price)) = diff.conflicts.first() {
        let more = match diff.conflicts.len() {
            1 => String::new(),
            count => format!(", and {} more are", count - 1),
        };
        bail!(
            "{file} is not taken: in book {:?}, {} {} from {} is already there with another price{more}. Prices never change: \
             give the new one a later valid_from. `tollgate prices diff` shows what differs.",
            args.book,
            price.region,
            price.sku,
            time_text(price.valid_from),
        );
    }
    let (added, same) = (diff.added.len(), diff.same);
    if args.dry_run {
        return print(
            format!(
                "{added} price versions would be added to book {:?}; {same} are there already.",
                args.book
            )
            .as_bytes(),
        );
    }
    // It looks again, in the transaction that adds.
    let added = store
        .add_prices(&args.book, &text)
        .await
        .with_context(|| format!("{file} is not taken"))?;
    let same = given.iter().count() - added;
    print(
        format!(
            "{added} price versions were added to book {:?}; {same} were there already.",
            args.book
        )
        .as_bytes(),
    )
}

/// A price version as JSON. Prices and bounds are texts, in whole units.
#[derive(Serialize)]
struct PriceText<'a> {
    region: &'a str,
    sku: &'a str,
    currency: String,
    unit: &'a str,
    valid_from: String,
    duration_step_ms: u32,
    source: &'a str,
    tiers: Vec<TierText>,
}

#[derive(Serialize)]
struct TierText {
    from: String,
    to: Option<String>,
    unit_price: String,
}

async fn list(store: &Store, args: &ListPrices) -> Result<()> {
    let book = find(store, &args.book).await?;
    let wanted = |price: &&Price| {
        args.region
            .as_ref()
            .is_none_or(|name| *name == price.region)
            && args.sku.is_none_or(|sku| sku == price.sku)
            && args.at.is_none_or(|at| {
                let holds = book.in_force(&price.region, price.sku, at);
                holds.is_some_and(|holds| holds.valid_from == price.valid_from)
            })
    };
    let prices: Vec<&Price> = book.iter().filter(wanted).collect();
    if args.json {
        let prices: Vec<_> = prices.into_iter().map(price_text).collect();
        return print(&serde_json::to_vec_pretty(&prices)?);
    }
    if prices.is_empty() {
        bail!("Book {:?} has no such price.", args.book);
    }
    let mut rows = Vec::new();
    for price in prices {
        for tier in &price.tiers {
            rows.push(vec![
                price.region.to_string(),
                price.sku.to_string(),
                time_text(price.valid_from),
                price.currency.to_string(),
                price.sku.unit().as_str().to_owned(),
                bound(price, tier.from),
                tier.to
                    .map_or_else(|| "-".to_owned(), |to| bound(price, to)),
                unit_price(tier),
                price.duration_step_ms.to_string(),
                price.source.clone(),
            ]);
        }
    }
    let header = [
        "REGION",
        "SKU",
        "FROM (UTC)",
        "CUR",
        "UNIT",
        "TIER FROM",
        "TIER TO",
        "PRICE",
        "STEP MS",
        "SOURCE",
    ];
    print(table(&header, rows, &[5, 6, 7, 8]).as_bytes())
}

fn price_text(price: &Price) -> PriceText<'_> {
    let tier = |tier: &Tier| TierText {
        from: bound(price, tier.from),
        to: tier.to.map(|to| bound(price, to)),
        unit_price: unit_price(tier),
    };
    PriceText {
        region: price.region.as_str(),
        sku: price.sku.as_str(),
        currency: price.currency.to_string(),
        unit: price.sku.unit().as_str(),
        valid_from: price.valid_from.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
        duration_step_ms: price.duration_step_ms,
        source: &price.source,
        tiers: price.tiers.iter().map(tier).collect(),
    }
}

fn bound(price: &Price, quanta: i128) -> String {
    exact(quanta, price.quanta_per_unit)
}

fn unit_price(tier: &Tier) -> String {
    exact(tier.price_e14, 10_i128.pow(PRICE_DIGITS))
}

#[derive(Serialize)]
struct BookText {
    name: String,
    versions: i64,
    regions: i64,
    currencies: Vec<String>,
    first_valid_from: String,
    last_valid_from: String,
    accounts: i64,
}

async fn books(store: &Store, json: bool) -> Result<()> {
    let books = store.price_book_summaries().await?.into_iter();
    let books = books.map(|book| BookText {
        name: book.name,
        versions: book.versions,
        regions: book.regions,
        currencies: book.currencies,
        first_valid_from: time_text(book.first_valid_from),
        last_valid_from: time_text(book.last_valid_from),
        accounts: book.accounts,
    });
    if json {
        return print(&serde_json::to_vec_pretty(&books.collect::<Vec<_>>())?);
    }
    let rows = books.map(|book| {
        vec![
            book.name,
            book.versions.to_string(),
            book.regions.to_string(),
            book.currencies.join(" "),
            book.first_valid_from,
            book.last_valid_from,
            book.accounts.to_string(),
        ]
    });
    let header = [
        "BOOK",
        "PRICES",
        "REGIONS",
        "CURRENCIES",
        "FIRST FROM",
        "LAST FROM",
        "ACCOUNTS",
    ];
    print(table(&header, rows.collect(), &[1, 2, 6]).as_bytes())
}

async fn diff(store: &Store, args: &DiffPrices) -> Result<()> {
    let (from, to) = match (&args.file, &args.to) {
        // Nothing is taken away by an import: what the list has not got stays.
        (Some(file), _) => (store.price_book(&args.book).await?, read_book(file)?.0),
        (None, Some(to)) => (find(store, &args.book).await?, find(store, to).await?),
        (None, None) => bail!("Name a list, or another book with --to."),
    };
    let mut diff = Diff::of(&from, &to);
    if args.to.is_none() {
        diff.missing.clear();
    }
    let mut text = String::new();
    let rows = rows(&diff);
    if !rows.is_empty() {
        let header = ["CHANGE", "REGION", "SKU", "FROM (UTC)", "BEFORE", "AFTER"];
        text = table(&header, rows, &[]) + "\n\n";
    }
    let (new, same, conflicts) = (diff.added.len(), diff.same, diff.conflicts.len());
    let end = if args.to.is_none() {
        format!("{new} to add, {conflicts} in conflict, {same} the same.")
    } else {
        let missing = diff.missing.len();
        format!(
            "{new} only in the second book, {missing} only in the first, {conflicts} different, {same} the same."
        )
    };
    print((text + &end).as_bytes())
}

fn rows(diff: &Diff<'_>) -> Vec<Vec<String>> {
    let row = |change: &str, place: &Price, before: Option<&Price>, after: Option<&Price>| {
        let charge = |price: Option<&Price>| price.map_or_else(|| "-".to_owned(), charge_text);
        vec![
            change.to_owned(),
            place.region.to_string(),
            place.sku.to_string(),
            time_text(place.valid_from),
            charge(before),
            charge(after),
        ]
    };
    let conflicts = diff.conflicts.iter();
    let conflicts =
        conflicts.map(|(known, given)| row("conflict", given, Some(known), Some(given)));
    let added = diff.added.iter().map(|added| {
        let change = match added.before {
            None => "new",
            Some(before) if before.charges_as(added.price) => "repeat",
            Some(_) => "change",
        };
        row(change, added.price, added.before, Some(added.price))
    });
    let missing = diff.missing.iter();
    let missing = missing.map(|price| row("missing", price, Some(price), None));
    conflicts.chain(added).chain(missing).collect()
}

/// What a price charges, on a line: `0.0000166667 USD`, then the tiers that follow and the step, where there are any.
fn charge_text(price: &Price) -> String {
    let tiers = price.tiers.iter().enumerate().map(|(index, tier)| {
        let unit_price = unit_price(tier);
        match index {
            0 => unit_price,
            _ => format!("{unit_price} over {}", bound(price, tier.from)),
        }
    });
    let tiers: Vec<String> = tiers.collect();
    let step = match price.duration_step_ms {
        1 => String::new(),
        ms => format!(", {ms} ms steps"),
    };
    format!("{} {}{step}", tiers.join(", "), price.currency)
}
