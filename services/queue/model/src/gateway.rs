//! The gateway: row, 202, hint, in this order.

use crate::Queue;
use crate::action::Action;
use crate::guards::Guard;
use crate::state::{EventId, Hint, Request, State};

pub(crate) fn offer(queue: &Queue, state: &State, event: EventId, actions: &mut Vec<Action>) {
    match state.requests[event] {
        Request::New => {
            actions.push(Action::Commit(event));
            if !queue.has(Guard::AnswerAfterCommit) {
                actions.push(Action::Answer(event));
            }
        }
        Request::Committed => actions.push(Action::Answer(event)),
        Request::Answered => actions.push(Action::Hint(event)),
        Request::Done | Request::Broken | Request::Never => {}
    }
}

pub(crate) fn step(state: &mut State, action: Action, event: EventId) {
    let request = &mut state.requests[event];
    *request = match action {
        Action::Commit(_) => {
            state.postgres.events[event].accepted = true;
            Request::Committed
        }
        Action::Hint(_) => {
            state.redis[event] = Hint::New;
            Request::Done
        }
        _ => Request::Answered,
    };
}
