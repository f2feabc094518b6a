//! What keeps the queue right: each guard that the code has, so that one can be taken away and the damage seen.

use crate::promise;

/// A rule in the code. The model without it breaks a promise; if it did not, the rule would be superfluous.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// 202 is sent after the invocation's row is committed, not before.
    AnswerAfterCommit,
    /// Owners look in Postgres for events that no hint told them of.
    Sweep,
    /// `PRIMARY KEY (inv_id, attempt)` on outcomes, `ON CONFLICT DO NOTHING`: the first writer wins.
    OutcomePrimaryKey,
    /// An outcome of attempt k is inserted only after outcome k-1 was `retry`.
    OutcomeAfterRetry,
    /// An execution is charged only if its outcome's row was inserted.
    ChargeWithOutcome,
    /// A destination event is written only if its outcome's row was inserted.
    DestinationWithOutcome,
    /// An outcome and its consequences are one transaction.
    OneTransaction,
    /// An executor answers what it wrote; if another outcome was first it says so, and not what it would have written.
    AnswerWhatWasWritten,
    /// Before something is dispatched again (executor lost, takeover, stream history) the outcomes are asked.
    CheckBeforeRedispatch,
    /// A hint that comes so late that the sweep may have been first is no reason to dispatch without asking.
    CheckLateHints,
    /// What a sweep brings is dropped for events that the owner has touched since the query began.
    DropOvertakenSweeps,
    /// An executor refuses a dispatch of an older epoch than it has heard of.
    RefuseOlderEpoch,
    /// An owner that is refused for its epoch gives the shard up, and does not try again.
    LeaveWhenRefused,
    /// An executor refuses an attempt that it is running already.
    RefuseRunning,
    /// A new owner hears from the executors what they run before it dispatches anything.
    AnnounceAtTakeover,
    /// A new owner asks the outcomes only after it has heard from the executors.
    AnnounceBeforeCheck,
    /// An attempt that lost its executor is run again as the same attempt.
    LossKeepsAttempt,
    /// Only the shard's owner counts a loss, by its epoch: a zombie that sees the same one does not.
    CountOwnersLosses,
    /// An attempt that lost its executor too often counts as a function error.
    PoisonGuard,
}

impl Guard {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::AnswerAfterCommit,
        Self::Sweep,
        Self::OutcomePrimaryKey,
        Self::OutcomeAfterRetry,
        Self::ChargeWithOutcome,
        Self::DestinationWithOutcome,
        Self::OneTransaction,
        Self::AnswerWhatWasWritten,
        Self::CheckBeforeRedispatch,
        Self::CheckLateHints,
        Self::DropOvertakenSweeps,
        Self::RefuseOlderEpoch,
        Self::LeaveWhenRefused,
        Self::RefuseRunning,
        Self::AnnounceAtTakeover,
        Self::AnnounceBeforeCheck,
        Self::LossKeepsAttempt,
        Self::CountOwnersLosses,
        Self::PoisonGuard,
    ];

    /// The promises that are broken without it.
    pub fn protects(self) -> &'static [&'static str] {
        match self {
            Self::AnswerAfterCommit => &[promise::ACCEPTED_IS_COMMITTED],
            Self::Sweep => &[promise::ENDS_SETTLED],
            Self::OutcomePrimaryKey => &[
                promise::ONE_OUTCOME_PER_ATTEMPT,
                promise::ONE_TERMINAL_OUTCOME,
            ],
            Self::OutcomeAfterRetry => &[promise::ONE_TERMINAL_OUTCOME],
            Self::ChargeWithOutcome => &[promise::CHARGED_WITH_OUTCOME],
            Self::DestinationWithOutcome | Self::OneTransaction => {
                &[promise::DELIVERED_WITH_OUTCOME]
            }
            Self::AnswerWhatWasWritten => &[promise::ATTEMPT_AFTER_RETRY],
            Self::CheckBeforeRedispatch | Self::CheckLateHints => {
                &[promise::NOTHING_SETTLED_STARTS]
            }
            Self::RefuseOlderEpoch => &[promise::NOTHING_STALE_STARTS],
            Self::LeaveWhenRefused => &[promise::COMES_TO_AN_END],
            Self::RefuseRunning => &[promise::RUNS_ONCE_AT_A_TIME],
            Self::DropOvertakenSweeps | Self::AnnounceAtTakeover | Self::AnnounceBeforeCheck => {
                &[promise::RUNS_ONCE_UNLESS_LOST]
            }
            Self::LossKeepsAttempt => &[promise::LOSS_USES_NO_ATTEMPT],
            Self::CountOwnersLosses => &[promise::LOSS_COUNTED_ONCE],
            Self::PoisonGuard => &[promise::NOTHING_POISONED_STARTS],
        }
    }
}
