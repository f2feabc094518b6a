//! The fields of a cron expression: lists, ranges, steps and names, as bits.

use std::ops::RangeInclusive;

/// What a field may hold.
pub(super) struct Field {
    pub(super) range: RangeInclusive<u16>,
    /// Names of the first numbers of the range, in order.
    names: &'static [&'static str],
    /// Whether a range may pass the end: `20-2`.
    wraps: bool,
}

pub(super) const MINUTES: Field = Field {
    range: 0..=59,
    names: &[],
    wraps: true,
};
pub(super) const HOURS: Field = Field {
    range: 0..=23,
    names: &[],
    wraps: true,
};
pub(super) const DAYS_OF_MONTH: Field = Field {
    range: 1..=31,
    names: &[],
    wraps: true,
};
pub(super) const MONTHS: Field = Field {
    range: 1..=12,
    names: &[
        "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
    ],
    wraps: true,
};
pub(super) const DAYS_OF_WEEK: Field = Field {
    range: 1..=7,
    names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
    wraps: true,
};
pub(super) const YEARS: Field = Field {
    range: 1970..=2199,
    names: &[],
    wraps: false,
};

impl Field {
    /// A number or a name of this field.
    pub(super) fn value(&self, text: &str) -> Option<u16> {
        let named = self
            .names
            .iter()
            .position(|name| name.eq_ignore_ascii_case(text));
        let value = match named {
            Some(index) => u16::try_from(index).ok()? + self.range.start(),
            None => number(text)?,
        };
        self.range.contains(&value).then_some(value)
    }

    /// All values of a list such as `1,5-10,20/5`. `None`: it is none.
    pub(super) fn values(&self, text: &str) -> Option<Vec<u16>> {
        let mut values = Vec::new();
        for part in text.split(',') {
            self.part(part, &mut values)?;
        }
        values.sort_unstable();
        values.dedup();
        Some(values)
    }

    /// The values of a list as bits, counted from zero. For fields whose values stay below 64.
    pub(super) fn bits(&self, text: &str) -> Option<u64> {
        let values = self.values(text)?;
        Some(values.into_iter().fold(0, |bits, value| bits | 1 << value))
    }

    fn part(&self, text: &str, values: &mut Vec<u16>) -> Option<()> {
        let (first, last) = (*self.range.start(), *self.range.end());
        let (span, step) = match text.split_once('/') {
            None => (text, None),
            Some((span, step)) => (span, Some(number(step)?)),
        };
        if step.is_some_and(|step| step == 0 || step > last) {
            return None;
        }
        let (from, to) = match span.split_once('-') {
            _ if span == "*" => (first, last),
            Some((from, to)) => (self.value(from)?, self.value(to)?),
            // "5/15" goes on to the end of the field, "5" does not.
            None => {
                let from = self.value(span)?;
                (from, if step.is_some() { last } else { from })
            }
        };
        if from > to && !self.wraps {
            return None;
        }
        let size = last - first + 1;
        let length = if from <= to {
            to - from
        } else {
            to + size - from
        };
        let steps = (0..=length).step_by(usize::from(step.unwrap_or(1)));
        values.extend(steps.map(|step| first + (from - first + step) % size));
        Some(())
    }
}

/// Digits and nothing else.
pub(super) fn number(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.len() <= 4 && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}
