//! That the system comes to an end.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use stateright::{Model, Representative};

use crate::Queue;
use crate::action::Action;
use crate::state::State;

/// What [`explore`] found.
#[derive(Debug)]
pub struct Progress {
    /// States, of which one of each kind that differs only in names is counted.
    pub states: usize,
    /// The longest way that the system goes by itself, in steps.
    pub longest: usize,
    /// A circle that the system could go round for ever without settling anything, if there is one.
    pub circle: Option<Vec<Action>>,
}

/// A state on the way that is being looked at.
struct Step {
    id: u64,
    /// What led here.
    by: Option<Action>,
    /// What is not looked at yet.
    next: Vec<(Action, State)>,
    longest: usize,
}

/// Goes through every state that can be reached, whatever goes wrong, and looks whether the system's own steps
/// ([`Queue::work`]) can go in a circle. If they cannot, there are finitely many of them from any state on, in whatever
/// order they come: without any assumption of fairness, the system gets to where nothing is left to do.
pub fn explore(queue: &Queue) -> Progress {
    // `None` while the state is on the way, then the longest way from it.
    let mut known: HashMap<u64, Option<usize>> = HashMap::new();
    let mut found = Progress {
        states: 0,
        longest: 0,
        circle: None,
    };
    let mut starts = queue.init_states();
    while let Some(start) = starts.pop() {
        if known.contains_key(&id(&start)) {
            continue;
        }
        let mut way = vec![enter(queue, &start, None, &mut known, &mut starts)];
        while let Some(step) = way.last_mut() {
            let Some((action, state)) = step.next.pop() else {
                let (done, longest) = (step.id, step.longest);
                known.insert(done, Some(longest));
                way.pop();
                if let Some(before) = way.last_mut() {
                    before.longest = before.longest.max(longest + 1);
                }
                found.longest = found.longest.max(longest);
                continue;
            };
            let reached = id(&state);
            match known.get(&reached) {
                None => way.push(enter(queue, &state, Some(action), &mut known, &mut starts)),
                Some(Some(longest)) => step.longest = step.longest.max(longest + 1),
                Some(None) => {
                    let since = way.iter().skip_while(|step| step.id != reached).skip(1);
                    found.circle = Some(since.filter_map(|step| step.by).chain([action]).collect());
                    return found;
                }
            }
        }
    }
    found.states = known.len();
    found
}

fn enter(
    queue: &Queue,
    state: &State,
    by: Option<Action>,
    known: &mut HashMap<u64, Option<usize>>,
    starts: &mut Vec<State>,
) -> Step {
    let id = id(state);
    known.insert(id, None);
    let after = |action: Action| {
        let mut next = state.clone();
        queue.step(&mut next, action);
        (action, next)
    };
    let mut actions = Vec::new();
    queue.interference(state, &mut actions);
    starts.extend(actions.drain(..).map(|action| after(action).1));
    queue.work(state, &mut actions);
    Step {
        id,
        by,
        next: actions.into_iter().map(after).collect(),
        longest: 0,
    }
}

fn id(state: &State) -> u64 {
    let mut hasher = DefaultHasher::new();
    state.representative().hash(&mut hasher);
    hasher.finish()
}
