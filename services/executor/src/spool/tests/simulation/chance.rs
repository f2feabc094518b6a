//! All chance of a schedule: a number generator that gives the same numbers for the same seed, everywhere.

/// `SplitMix64`: nothing but a spread is asked of it, and that it is fast.
#[derive(Debug, Clone)]
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 where there is none.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        let scaled = (u128::from(self.number()) * u128::from(end)) >> 64;
        u64::try_from(scaled).unwrap()
    }

    pub(super) fn index(&mut self, length: usize) -> usize {
        let index = self.below(u64::try_from(length).unwrap());
        usize::try_from(index).unwrap()
    }

    pub(super) fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    pub(super) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// A number from `low` on, up to about `high`, each size as likely as the next: 10 to 20 as 1,000 to 2,000.
    pub(super) fn spread(&mut self, low: u64, high: u64) -> u64 {
        let doublings = (high / low).max(1).ilog2();
        let size = low << self.below(u64::from(doublings).max(1));
        size + self.below(size)
    }
}
