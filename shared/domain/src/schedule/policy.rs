//! What a schedule's owner decides beyond AWS's settings, and how fires end.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ParseError;

/// Declares an enum that has a number in the database and a word for people.
macro_rules! worded {
    ($(#[$doc:meta])* $name:ident, $what:literal: $($(#[$one_doc:meta])* $one:ident = $number:literal $word:literal,)*) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        #[repr(i16)]
        pub enum $name {
            $($(#[$one_doc])* $one = $number,)*
        }

        impl $name {
            /// All of them, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$one,)*];

            /// As it is stored.
            pub fn number(self) -> i16 {
                self as i16
            }

            pub fn from_number(number: i16) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.number() == number)
            }

            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$one => $word,)*
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl From<$name> for String {
            fn from(one: $name) -> Self {
                one.as_str().to_owned()
            }
        }

        impl TryFrom<String> for $name {
            type Error = ParseError;

            fn try_from(text: String) -> Result<Self, ParseError> {
                text.parse()
            }
        }

        impl FromStr for $name {
            type Err = ParseError;

            fn from_str(text: &str) -> Result<Self, ParseError> {
                let words = || Self::ALL.iter().map(|one| one.as_str()).collect::<Vec<_>>().join(", ");
                Self::ALL
                    .iter()
                    .copied()
                    .find(|one| one.as_str() == text)
                    .ok_or_else(|| ParseError::new(format!("{text:?} is no {}: one of {}", $what, words())))
            }
        }
    };
}

worded! {
    /// What becomes of fires whose time came while no scheduler ran. Only those inside the catch-up window count.
    Missed, "policy for missed runs":
    /// Each is made up for, in order. AWS's way, and the default.
    All = 1 "all",
    /// Only the last one is.
    Last = 2 "last",
    /// None is.
    Skip = 3 "skip",
}

worded! {
    /// What becomes of a fire while the schedule's last event has not ended.
    Overlap, "overlap policy":
    /// It fires all the same. AWS's way, and the default.
    Allow = 1 "allow",
    /// It is left out.
    Skip = 2 "skip",
    /// It waits for that end; only one waits.
    BufferOne = 3 "buffer_one",
    /// The event that has not ended is cancelled first.
    CancelOther = 4 "cancel_other",
}

worded! {
    /// Why something fired.
    Occasion, "occasion":
    /// Its time had come.
    Time = 1 "schedule",
    /// Somebody said "run now".
    Now = 2 "run-now",
    /// Somebody asked for the fires of a range.
    Backfill = 3 "backfill",
}

worded! {
    /// What became of a fire.
    FireResult, "result of a fire":
    /// The queue has its event.
    Fired = 1 "fired",
    /// Missed, and left out by the policy for missed runs.
    Missed = 2 "missed",
    /// Left out by the overlap policy.
    Overlapped = 3 "overlapped",
    /// Could not be handed over: kept as a dead letter.
    Dead = 4 "dead",
    /// Waits for the end of the event before it.
    Buffered = 5 "buffered",
}
