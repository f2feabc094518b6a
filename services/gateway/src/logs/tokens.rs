//! Where a listing goes on, and what events are called.
//!
//! Clients may not read tokens, but they compare and keep them: the same place has the same token, and events' ids sort as
//! the events do. A place is written in 56 digits, as in `CloudWatch` Logs: 20 of microseconds and 36 of the event's number.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use store::logs::Position;
use wire::Fault;

use super::faults;

/// Which way a token leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Forward,
    Backward,
}

/// A place in 56 digits: an event's id.
pub(super) fn digits(position: Position) -> String {
    let micros = position.at.timestamp_micros().max(0);
    format!("{micros:020}{:036}", position.id)
}

fn read_digits(text: &str) -> Option<Position> {
    let digits = text.len() == 56 && text.bytes().all(|byte| byte.is_ascii_digit());
    let (micros, id) = digits.then(|| text.split_at(20))?;
    Some(Position {
        at: DateTime::from_timestamp_micros(micros.parse().ok()?)?,
        id: id.parse().ok()?,
    })
}

/// A token of `GetLogEvents` or `FilterLogEvents`.
pub(super) fn token(direction: Direction, position: Position) -> String {
    let letter = if direction == Direction::Forward {
        'f'
    } else {
        'b'
    };
    format!("{letter}/{}/s", digits(position))
}

pub(super) fn read(token: &str) -> Result<(Direction, Position), Fault> {
    let parts = token.split_once('/').zip(token.strip_suffix("/s"));
    let position = parts.and_then(|(_, token)| read_digits(token.get(2..)?));
    match (token.as_bytes().first(), position) {
        (Some(b'f'), Some(position)) => Ok((Direction::Forward, position)),
        (Some(b'b'), Some(position)) => Ok((Direction::Backward, position)),
        _ => Err(faults::bad_token()),
    }
}

/// A token of a listing of groups: the last name.
pub(super) fn name(name: &str) -> String {
    URL_SAFE_NO_PAD.encode(name)
}

pub(super) fn read_name(token: &str) -> Result<String, Fault> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(faults::bad_token)
}

/// A token of a listing of streams: the last one's place in the order.
pub(super) fn stream(at: Option<DateTime<Utc>>, stream: &str) -> String {
    let micros = at
        .map(|at| at.timestamp_micros().to_string())
        .unwrap_or_default();
    name(&format!("{micros}/{stream}"))
}

pub(super) fn read_stream(token: &str) -> Result<(Option<DateTime<Utc>>, String), Fault> {
    let text = read_name(token)?;
    let (micros, stream) = text.split_once('/').ok_or_else(faults::bad_token)?;
    let time = |micros: &str| DateTime::from_timestamp_micros(micros.parse().ok()?);
    let at = match micros {
        "" => None,
        micros => Some(time(micros).ok_or_else(faults::bad_token)?),
    };
    Ok((at, stream.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_as_they_were_written_and_nothing_else_is() {
        let position = Position {
            at: DateTime::from_timestamp_micros(1_700_000_000_123_456).unwrap(),
            id: 42,
        };
        for direction in [Direction::Forward, Direction::Backward] {
            assert_eq!(
                read(&token(direction, position)).unwrap(),
                (direction, position)
            );
        }
        assert_eq!(digits(position).len(), 56);
        assert!(digits(Position { id: 43, ..position }) > digits(position));
        let good = token(Direction::Forward, position);
        let nines = "9".repeat(56);
        for bad in [
            "",
            "f/",
            "f/1/s",
            "/",
            "ü/",
            &good[1..],
            &good.replace('f', "x"),
            &format!("f/{nines}/s"),
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        for at in [None, Some(position.at)] {
            assert_eq!(
                read_stream(&stream(at, "a/[$LATEST]b")).unwrap(),
                (at, "a/[$LATEST]b".to_owned())
            );
        }
        assert!(read_stream(&name("x/y")).is_err());
        assert!(read_stream("%").is_err());
    }
}
