//! The facts: only ever inserted, and everything else is derived from them.

use crate::Queue;
use crate::guards::Guard;
use crate::state::{Cause, EventId, Facts, Kind, Outcome, Seen};

impl Facts {
    /// The event is over.
    pub fn is_terminal(&self) -> bool {
        self.outcomes
            .iter()
            .any(|outcome| outcome.kind != Kind::Retry)
    }

    /// There is an outcome of the attempt.
    pub fn has_outcome(&self, attempt: u8) -> bool {
        self.outcomes
            .iter()
            .any(|outcome| outcome.attempt == attempt)
    }

    /// The attempt is the first, or the one before it asks for it.
    pub fn is_asked_for(&self, attempt: u8) -> bool {
        attempt == 1
            || self
                .outcomes
                .iter()
                .any(|outcome| outcome.attempt + 1 == attempt && outcome.kind == Kind::Retry)
    }

    /// READY(k) of the design: the attempt that is due, unless the event is over.
    pub fn due(&self) -> Option<u8> {
        let retries = self
            .outcomes
            .iter()
            .filter(|outcome| outcome.kind == Kind::Retry);
        (!self.is_terminal()).then(|| 1 + retries.map(|outcome| outcome.attempt).max().unwrap_or(0))
    }

    /// A user's cancel is why the attempt has its outcome.
    pub fn is_cancelled(&self, attempt: u8) -> bool {
        let mut outcomes = self.outcomes.iter();
        outcomes.any(|outcome| outcome.attempt == attempt && outcome.cause == Cause::Cancelled)
    }
}

impl Queue {
    /// Whether `INSERT INTO outcome_<b> ... ON CONFLICT DO NOTHING` inserts a row.
    pub fn would_insert(&self, facts: &Facts, attempt: u8) -> bool {
        let conflict = self.has(Guard::OutcomePrimaryKey) && facts.has_outcome(attempt);
        let early = self.has(Guard::OutcomeAfterRetry) && !facts.is_asked_for(attempt);
        facts.accepted && !conflict && !early
    }

    /// To settle: one transaction with the outcome, its destination event and its usage. Whether the outcome's row was
    /// inserted.
    pub fn settle(&self, facts: &mut Facts, event: EventId, outcome: Outcome) -> bool {
        let won = self.would_insert(facts, outcome.attempt);
        if won {
            facts.outcomes.push(outcome);
        }
        if outcome.cause == Cause::Run && (won || !self.has(Guard::ChargeWithOutcome)) {
            facts.charges += 1;
        }
        let deferred = outcome.cause == Cause::Run && !self.has(Guard::OneTransaction);
        if !deferred && (won || !self.has(Guard::DestinationWithOutcome)) {
            Self::deliver(facts, event, outcome.kind);
        }
        won
    }

    /// Writes the destination event, where the event has a destination and is over.
    pub fn deliver(facts: &mut Facts, event: EventId, kind: Kind) {
        if kind != Kind::Retry && Self::has_destination(event) {
            facts.deliveries += 1;
        }
    }

    /// The first event has destinations for success and for failure, the second has none.
    pub fn has_destination(event: EventId) -> bool {
        event.0 == 0
    }

    /// What a function error of this attempt means: the decision table without ages.
    pub fn after_error(&self, attempt: u8) -> Kind {
        if attempt < self.bounds.attempts {
            Kind::Retry
        } else {
            Kind::Dead
        }
    }

    /// What stands against running the attempt.
    pub fn look(&self, facts: &Facts, attempt: u8) -> Seen {
        if facts.is_terminal() || facts.has_outcome(attempt) {
            Seen::Settled
        } else if self.is_poisoned(facts, attempt) {
            Seen::Poisoned
        } else {
            Seen::Open
        }
    }

    /// The attempt has lost its executor as often as is allowed.
    pub fn is_poisoned(&self, facts: &Facts, attempt: u8) -> bool {
        facts.losses[usize::from(attempt) - 1] >= self.bounds.losses
    }

    /// Counts the loss of the attempt's executor.
    pub fn count_loss(&self, facts: &mut Facts, event: EventId, attempt: u8) {
        let losses = &mut facts.losses[usize::from(attempt) - 1];
        // More than the poison guard's bound makes no difference.
        *losses = self.bounds.losses.min(*losses + 1);
        if !self.has(Guard::LossKeepsAttempt) {
            let kind = self.after_error(attempt);
            self.settle(
                facts,
                event,
                Outcome {
                    attempt,
                    kind,
                    cause: Cause::Lost,
                },
            );
        }
    }
}
