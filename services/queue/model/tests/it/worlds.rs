//! The worlds that are explored: as much goes wrong together as some seconds allow.

use queue_model::{Bounds, Faults, Queue};

/// With all guards. Two losses of an attempt are enough for the poison guard.
pub(crate) fn guarded(events: usize, attempts: u8, faults: Faults) -> Queue {
    let bounds = Bounds {
        events,
        attempts,
        losses: 2,
        faults,
    };
    Queue {
        bounds,
        without: None,
    }
}

/// Hints are lost, owners die and one becomes a zombie; executors live.
pub(crate) fn takeovers(owner_deaths: u8) -> Queue {
    let faults = Faults {
        gateway_deaths: 1,
        wipes: 1,
        owner_deaths,
        pauses: 1,
        ..Faults::NONE
    };
    guarded(1, 3, faults)
}

/// Executors die or are cut off, and an owner dies; there is no zombie.
pub(crate) fn losses(executor_deaths: u8) -> Queue {
    let faults = Faults {
        owner_deaths: 1,
        executor_deaths,
        breaks: 1,
        ..Faults::NONE
    };
    guarded(1, 3, faults)
}

/// A zombie while executors are lost.
pub(crate) fn zombie(executor_deaths: u8) -> Queue {
    let faults = Faults {
        pauses: 1,
        executor_deaths,
        breaks: 1,
        ..Faults::NONE
    };
    guarded(1, 2, faults)
}

/// A user cancels or the event grows too old, in the midst of it.
pub(crate) fn cancels(pauses: u8) -> Queue {
    let faults = Faults {
        pauses,
        breaks: 1,
        unsure_commits: 1,
        cancels: 1,
        expiries: 1,
        ..Faults::NONE
    };
    guarded(1, 2, faults)
}

/// Two events and a zombie.
pub(crate) fn two_events_and_a_zombie(wipes: u8) -> Queue {
    let faults = Faults {
        wipes,
        pauses: 1,
        ..Faults::NONE
    };
    guarded(2, 1, faults)
}

/// Two events, and everything dies once.
pub(crate) fn two_events_and_deaths() -> Queue {
    let faults = Faults {
        wipes: 1,
        owner_deaths: 1,
        executor_deaths: 1,
        ..Faults::NONE
    };
    guarded(2, 1, faults)
}
