//! What the queue is told of fires, and when.
//!
//! A few fires are told at once, with all that there is to know. Of a crowd the queue is told when all of it is fired: what runs
//! for the first ones would take processors from the rest, which is late already. Such a crowd is known by its ids, in the order
//! in which it was fired: the queue takes in what it has room for, and reads the rest by itself, in pages.

use std::time::Instant;

use dispatch::hints::TOLD_WITHIN;
use store::events::NewEvent;
use uuid::Uuid;

/// Lanes and ids of events.
pub(crate) type Ids = Vec<(i64, Uuid)>;

/// What is to be told now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Tell {
    Nothing,
    Events(Vec<NewEvent>),
    Ids(Ids),
}

/// Events of a crowd that the queue was not told of yet.
#[derive(Debug, Default)]
pub(crate) struct Untold {
    ids: Ids,
    /// When the first of them was committed.
    since: Option<Instant>,
}

impl Untold {
    /// These events were committed `at` this moment; `over`: nothing more is due.
    pub(crate) fn add(&mut self, events: Vec<NewEvent>, over: bool, at: Instant) -> Tell {
        if over && self.ids.is_empty() {
            return Tell::Events(events);
        }
        let known = events.iter().map(|event| (event.lane, event.id.uuid()));
        self.ids.extend(known);
        let since = *self.since.get_or_insert(at);
        if over || at.duration_since(since) > TOLD_WITHIN {
            return self.rest();
        }
        Tell::Nothing
    }

    /// All that was not told yet.
    pub(crate) fn rest(&mut self) -> Tell {
        match std::mem::take(self).ids {
            ids if ids.is_empty() => Tell::Nothing,
            ids => Tell::Ids(ids),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::AccountId;
    use domain::event::{EventId, Source};

    use super::*;

    fn event(number: u8) -> NewEvent {
        let id = uuid::Builder::from_unix_timestamp_millis(1, &[number; 10]).into_uuid();
        NewEvent {
            id: EventId::new(id).unwrap(),
            lane: i64::from(number),
            account: AccountId::new(42).unwrap(),
            qualifier: String::new(),
            source: Source::Schedule,
            trace: "Root=1".to_owned(),
            age_max_s: None,
            attempts_max: None,
            payload: vec![],
        }
    }

    fn ids(numbers: &[u8]) -> Tell {
        let one = |number: &u8| (i64::from(*number), event(*number).id.uuid());
        Tell::Ids(numbers.iter().map(one).collect())
    }

    #[test]
    fn a_few_are_told_at_once() {
        let (mut untold, now) = (Untold::default(), Instant::now());
        let events = vec![event(1), event(2)];
        assert_eq!(
            untold.add(events.clone(), true, now),
            Tell::Events(events.clone())
        );
        assert_eq!(untold.rest(), Tell::Nothing);
        assert_eq!(untold.add(events.clone(), true, now), Tell::Events(events));
    }

    #[test]
    fn a_crowd_is_told_when_it_is_over_in_its_order() {
        let (mut untold, now) = (Untold::default(), Instant::now());
        assert_eq!(untold.add(vec![event(3)], false, now), Tell::Nothing);
        assert_eq!(untold.add(vec![event(1)], false, now), Tell::Nothing);
        assert_eq!(untold.add(vec![event(2)], true, now), ids(&[3, 1, 2]));
        assert_eq!(untold.rest(), Tell::Nothing);
        // Also one that ends with a failure.
        assert_eq!(untold.add(vec![event(4)], false, now), Tell::Nothing);
        assert_eq!(untold.rest(), ids(&[4]));
    }

    #[test]
    fn a_long_crowd_is_told_in_parts() {
        let (mut untold, now) = (Untold::default(), Instant::now());
        assert_eq!(untold.add(vec![event(1)], false, now), Tell::Nothing);
        let later = now + TOLD_WITHIN;
        assert_eq!(untold.add(vec![event(2)], false, later), Tell::Nothing);
        let later = later + Duration::from_millis(1);
        assert_eq!(untold.add(vec![event(3)], false, later), ids(&[1, 2, 3]));
        // And waits again.
        assert_eq!(untold.add(vec![event(4)], false, later), Tell::Nothing);
    }
}
