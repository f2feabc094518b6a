//! `tollgate clock`.

use anyhow::Result;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use gateway::api::types::{AdvanceClock, ClockState};
use http::Method;
use serde_json::json;

use super::endpoint::Endpoint;
use super::output::print;
use super::span::span_text;
use crate::args::Clock;

const PATH: &str = "/clock";

pub(crate) async fn run(command: Clock) -> Result<()> {
    let state = match command {
        Clock::Show { client } => show(&Endpoint::choose(&client)?).await?,
        Clock::Advance { by, client } => {
            let endpoint = Endpoint::choose(&client)?;
            let advance_ms = by.num_milliseconds().unsigned_abs();
            let body = json!(AdvanceClock { advance_ms });
            endpoint.tollgate(Method::POST, PATH, &body).await?
        }
    };
    print(text(&state).as_bytes())
}

async fn show(endpoint: &Endpoint) -> Result<ClockState> {
    endpoint.ask(PATH).await
}

/// The platform's time, by which it records and waits.
pub(crate) async fn now(endpoint: &Endpoint) -> Result<DateTime<Utc>> {
    Ok(show(endpoint).await?.now)
}

fn text(state: &ClockState) -> String {
    let now = state.now.to_rfc3339_opts(SecondsFormat::Secs, true);
    match (state.offset_ms, state.movable) {
        (0, false) => format!("{now} (the host's time)"),
        (0, true) => format!("{now} (the host's time; it can be moved)"),
        (offset_ms, _) => {
            let offset = span_text(TimeDelta::milliseconds(offset_ms));
            format!("{now} ({offset} ahead of the host)")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_told_with_where_it_stands() {
        let check = |offset_ms: i64, movable: bool, expected: &str| {
            let host_now = DateTime::from_timestamp(1_795_428_000, 0).unwrap();
            let now = host_now + TimeDelta::milliseconds(offset_ms);
            let state = ClockState {
                now,
                host_now,
                offset_ms,
                movable,
            };
            assert_eq!(text(&state), expected);
        };
        check(0, false, "2026-11-23T10:00:00Z (the host's time)");
        check(
            0,
            true,
            "2026-11-23T10:00:00Z (the host's time; it can be moved)",
        );
        check(
            120_000,
            true,
            "2026-11-23T10:02:00Z (2 min ahead of the host)",
        );
    }
}
