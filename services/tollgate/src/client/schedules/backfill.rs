//! `tollgate schedules backfill`.

use anyhow::{Result, bail};
use gateway::api::types::{Backfill, StartBackfill};
use http::Method;
use serde_json::json;

use super::one::path;
use crate::args::BackfillSchedule;
use crate::client::consent::agreed;
use crate::client::endpoint::Endpoint;
use crate::client::output::print;
use crate::client::own::print_json;
use crate::client::table::{counted, time};

pub(super) async fn run(args: BackfillSchedule) -> Result<()> {
    let endpoint = Endpoint::choose(&args.output.client)?;
    let path = path(&args.key, "backfill");
    let ask = async |dry_run| -> Result<Backfill> {
        let (from, to) = (args.from, args.to);
        let body = json!(StartBackfill { from, to, dry_run });
        endpoint.tollgate(Method::POST, &path, &body).await
    };
    let json = args.output.json;
    let found = ask(true).await?;
    if args.dry_run {
        return tell(json, &found, &would(&args.key.name, &found));
    }
    if found.count == 0 {
        return tell(json, &found, "No times in this range.");
    }
    let what = format!("{} {}", args.key.name, range(&found));
    if !args.yes && !agreed("Fire", &what)? {
        bail!("Nothing was done.");
    }
    let done = ask(false).await?;
    tell(json, &done, &text(&done))
}

/// Such as `24 times, from 2026-11-21 10:00:00 to 2026-11-22 09:00:00 UTC`.
fn range(found: &Backfill) -> String {
    let count = counted(found.count, "time");
    match (found.first_at, found.last_at) {
        (Some(first), Some(last)) if first == last => format!("{count}, at {} UTC", time(first)),
        (Some(first), Some(last)) => {
            format!("{count}, from {} to {} UTC", time(first), time(last))
        }
        _ => count,
    }
}

fn would(name: &str, found: &Backfill) -> String {
    format!("{name} would fire {}.", range(found))
}

fn text(done: &Backfill) -> String {
    let mut text = format!("{} fired.", counted(done.fired, "time"));
    if done.known > 0 {
        let known = counted(done.known, "time");
        text = format!("{text} {known} had been backfilled today, and not again.");
    }
    if done.dead > 0 {
        let dead = counted(done.dead, "time");
        text = format!("{text} {dead} became dead letters: the function does not exist.");
    }
    text
}

fn tell(json: bool, value: &Backfill, text: &str) -> Result<()> {
    if json {
        return print_json(value);
    }
    print(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use gateway::api::types::Example as _;

    use super::*;

    #[test]
    fn a_backfill_in_words() {
        let mut backfill = Backfill::example();
        assert_eq!(
            would("report", &backfill),
            "report would fire 24 times, from 2026-11-21 10:00:00 to 2026-11-22 09:00:00 UTC."
        );
        backfill.fired = 24;
        assert_eq!(text(&backfill), "24 times fired.");
        (backfill.fired, backfill.known, backfill.dead) = (1, 2, 21);
        assert_eq!(
            text(&backfill),
            "1 time fired. 2 times had been backfilled today, and not again. 21 times became dead letters: the function does not \
             exist."
        );
        (backfill.count, backfill.last_at) = (1, backfill.first_at);
        assert_eq!(range(&backfill), "1 time, at 2026-11-21 10:00:00 UTC");
    }
}
