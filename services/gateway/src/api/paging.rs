//! Pages: how many, and where one ended. Tokens are opaque to clients.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::refusal::Refusal;

const LIMIT: u32 = 100;
const LIMIT_MAX: u32 = 1_000;

/// How many a page may have.
pub(super) fn limit(asked: Option<u32>) -> Result<u32, Refusal> {
    match asked {
        None => Ok(LIMIT),
        Some(limit @ 1..=LIMIT_MAX) => Ok(limit),
        Some(_) => Err(Refusal::invalid(format!("limit must be 1 to {LIMIT_MAX}."))),
    }
}

/// The token of a page that ended with this id.
pub(super) fn token(last: Uuid) -> String {
    URL_SAFE_NO_PAD.encode(last.as_bytes())
}

/// The token of a page that follows on this one, unless it was the last.
pub(super) fn next<T>(page: &[T], limit: u32, id: impl Fn(&T) -> Uuid) -> Option<String> {
    let full = u32::try_from(page.len()).is_ok_and(|len| len >= limit);
    page.last().filter(|_| full).map(|last| token(id(last)))
}

/// Where the page before ended.
pub(super) fn after(token: Option<&str>) -> Result<Option<Uuid>, Refusal> {
    let read = |token: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok();
        let id = bytes.and_then(|bytes| Uuid::from_slice(&bytes).ok());
        id.ok_or_else(|| Refusal::invalid("next_token is not one that was given out here."))
    };
    token.map(read).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_as_they_were_given() {
        let id = Uuid::from_u128(77);
        assert_eq!(after(Some(&token(id))), Ok(Some(id)));
        assert_eq!(after(None), Ok(None));
        for bad in ["", "?", "AAAA", &format!("{}AA", token(id))] {
            assert!(after(Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_a_full_page_has_a_next() {
        let ids: Vec<Uuid> = (1..=3).map(Uuid::from_u128).collect();
        assert_eq!(next(&ids, 3, |id| *id), Some(token(ids[2])));
        assert_eq!(next(&ids, 4, |id| *id), None);
        assert_eq!(next(&[], 4, |id: &Uuid| *id), None);
    }

    #[test]
    fn limits_have_a_range() {
        assert_eq!((limit(None), limit(Some(1_000))), (Ok(100), Ok(1_000)));
        assert!(limit(Some(0)).is_err() && limit(Some(1_001)).is_err());
    }
}
