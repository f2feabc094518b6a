//! `tollgate billing forecast`.

use anyhow::{Result, bail};
use domain::bill::money::fixed;
use domain::bill::{Money, Month};
use domain::price::rating::ROW_DIGITS;
use gateway::api::types::BillingForecast;
use store::reports::Forecast;

use super::billing::Installation;
use crate::args::Forecast as Args;
use crate::client::{print, table};

pub(super) async fn run(args: Args) -> Result<()> {
    let installation = Installation::open(&args.operator).await?;
    installation.check_account(args.account).await?;
    let now = installation.now;
    let month = args.month.unwrap_or_else(|| Month::of(now));
    if month.end() <= now {
        bail!("{month} is over: `tollgate billing report --month {month}` shows what it cost.");
    }
    let store = &installation.store;
    let forecast = store.cost_forecast(args.account, month, now).await?;
    if args.json {
        let forecast = BillingForecast::of(&forecast);
        return print(&serde_json::to_vec_pretty(&forecast)?);
    }
    print(text(&forecast).as_bytes())
}

fn text(forecast: &Forecast) -> String {
    let month = forecast.month;
    let basis = match forecast.window_hours {
        0 => "There is no usage of complete hours to go by: only what was used is counted."
            .to_owned(),
        hours => format!(
            "The usage of the last {hours} complete hours goes on until the end of {month}, priced with what is left of the \
             free tier and by volume tiers."
        ),
    };
    let rows: Vec<Vec<String>> = forecast
        .amounts
        .iter()
        .map(|(currency, expected)| {
            let money = |amount_e10| Money::round_e10(amount_e10, *currency).amount();
            vec![
                month.to_string(),
                currency.to_string(),
                money(expected.so_far_e10),
                money(expected.month_e10),
                fixed(expected.month_e10, ROW_DIGITS),
            ]
        })
        .collect();
    if rows.is_empty() {
        return format!("Nothing is expected to be charged for {month}.\n{basis}");
    }
    let header = ["MONTH", "CUR", "SO FAR", "EXPECTED", "EXACT"];
    format!("{}\n\n{basis}", table(&header, rows, &[2, 3, 4]))
}
