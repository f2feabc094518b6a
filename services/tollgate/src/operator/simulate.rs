//! `tollgate billing simulate`.

use anyhow::{Context, Result};
use domain::bill::{Profile, Simulation, simulate};
use domain::price::Book;
use store::prices::SHIPPED;

use super::billing::Installation;
use super::files::{read_book, read_text};
use crate::args::Simulate;
use crate::client::{print, table};

pub(super) async fn run(args: Simulate) -> Result<()> {
    let name = if args.profile == "-" {
        "The profile"
    } else {
        &args.profile
    };
    let profile = read_text(&args.profile)?;
    let profile: Profile = profile
        .parse()
        .with_context(|| format!("{name} cannot be priced"))?;
    let book = book(&args).await?;
    let bill = simulate(&profile, &book).with_context(|| format!("{name} cannot be priced"))?;
    if args.json {
        return print(&serde_json::to_vec(&bill)?);
    }
    print(text(&bill).as_bytes())
}

async fn book(args: &Simulate) -> Result<Book> {
    if let Some(file) = &args.book_file {
        return Ok(read_book(file)?.0);
    }
    match &args.book {
        None => Book::parse(SHIPPED).context("The shipped price book cannot be read"),
        Some(name) => {
            let installation = Installation::open(&args.operator).await?;
            super::prices::find(&installation.store, name).await
        }
    }
}

fn text(bill: &Simulation) -> String {
    let row = |line: &domain::bill::simulate::SimulatedLine| {
        vec![
            line.region.clone(),
            line.sku.clone(),
            line.tier.clone(),
            line.quantity.clone(),
            line.unit.to_owned(),
            line.unit_price.clone(),
            line.amount.clone(),
        ]
    };
    let mut rows: Vec<Vec<String>> = bill.lines.iter().map(row).collect();
    let mut total = vec![String::new(); 7];
    "TOTAL".clone_into(&mut total[0]);
    total[6].clone_from(&bill.total);
    rows.push(total);
    let amount = format!("AMOUNT ({})", bill.currency);
    let header = [
        "REGION", "SKU", "TIER", "QUANTITY", "UNIT", "PRICE", &amount,
    ];
    table(&header, rows, &[3, 5, 6])
}
