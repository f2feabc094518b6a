//! Group commit: many callers, few writes.
//!
//! Callers submit one item each and wait for its result. A writer takes what has gathered and hands it over as one batch; while
//! batches are on their way, the next one gathers. So an idle system writes at once, and a busy one writes in batches whose size
//! follows the load, without anybody waiting for a timer.
//!
//! A writer is a task that lives while there is something to write: a drain waits for what was submitted, and for nothing else.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, oneshot};

use crate::Lifecycle;

/// How a batcher gathers.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Names its task.
    pub name: &'static str,
    /// Items in one batch at most.
    pub items_max: usize,
    /// Bytes in one batch at most, as callers state them; a single item may have more.
    pub bytes_max: usize,
    /// Batches on their way at once.
    pub in_flight: usize,
    /// Items that may wait; submitting waits beyond that.
    pub waiting_max: usize,
}

/// The batcher is gone: the process is stopping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the process is stopping")]
pub struct Stopped;

struct Item<T, R> {
    content: T,
    bytes: usize,
    answer: oneshot::Sender<R>,
}

/// What has gathered.
struct Waiting<T, R> {
    items: VecDeque<Item<T, R>>,
    /// Writers at work.
    writers: usize,
}

type Write<T, R> = Box<dyn Fn(Vec<T>) -> BoxFuture<'static, Vec<R>> + Send + Sync>;

struct Shared<T, R> {
    options: Options,
    life: Lifecycle,
    write: Write<T, R>,
    /// Places for items that wait.
    room: Semaphore,
    waiting: Mutex<Waiting<T, R>>,
}

/// Gathers items. Cheap to clone.
pub struct Batcher<T, R>(Arc<Shared<T, R>>);

impl<T, R> Clone for Batcher<T, R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Send + 'static, R: Send + 'static> Batcher<T, R> {
    /// Makes a batcher. `write` gets a batch and answers one result for each item, in order; where it answers fewer, the
    /// callers of the others learn that it stopped. At the cut it takes nothing more.
    pub fn start<W, F>(options: Options, life: &Lifecycle, write: W) -> Self
    where
        W: Fn(Vec<T>) -> F + Send + Sync + 'static,
        F: Future<Output = Vec<R>> + Send + 'static,
    {
        Self(Arc::new(Shared {
            options,
            life: life.clone(),
            write: Box::new(move |items| write(items).boxed()),
            room: Semaphore::new(options.waiting_max),
            waiting: Mutex::new(Waiting {
                items: VecDeque::new(),
                writers: 0,
            }),
        }))
    }

    /// Waits until the item's batch is written.
    pub async fn submit(&self, item: T, bytes: usize) -> Result<R, Stopped> {
        self.begin(item, bytes).await?.await.map_err(|_| Stopped)
    }

    /// As [`Self::submit`], but answers once the item is taken: the result comes through the channel.
    pub async fn begin(&self, item: T, bytes: usize) -> Result<oneshot::Receiver<R>, Stopped> {
        let shared = &self.0;
        tokio::select! {
            biased;
            () = shared.life.cut().cancelled() => return Err(Stopped),
            place = shared.room.acquire() => place.map_err(|_| Stopped)?.forget(),
        }
        let (answer, result) = oneshot::channel();
        let mut waiting = shared.waiting.lock();
        waiting.items.push_back(Item {
            content: item,
            bytes,
            answer,
        });
        let another = waiting.writers < shared.options.in_flight;
        waiting.writers += usize::from(another);
        drop(waiting);
        if another {
            let writer = Arc::clone(shared).write();
            shared.life.spawn(shared.options.name, writer);
        }
        Ok(result)
    }
}

impl<T: Send + 'static, R: Send + 'static> Shared<T, R> {
    /// Writes batch after batch until nothing waits.
    async fn write(self: Arc<Self>) {
        let cut = self.life.cut().clone();
        while let Some((items, answers)) = self.next() {
            let mut written = (self.write)(items);
            let results = tokio::select! {
                results = &mut written => results,
                () = cut.cancelled() => {
                    self.waiting.lock().items.clear();
                    written.await
                }
            };
            for (answer, result) in answers.into_iter().zip(results) {
                let _ = answer.send(result);
            }
        }
    }

    /// The next batch; `None` where the writer is not needed any more.
    fn next(&self) -> Option<(Vec<T>, Vec<oneshot::Sender<R>>)> {
        let mut waiting = self.waiting.lock();
        if self.life.cut().is_cancelled() {
            waiting.items.clear();
        }
        let (mut items, mut answers, mut bytes) = (Vec::new(), Vec::new(), 0);
        while items.len() < self.options.items_max
            && let Some(next) = waiting.items.front()
        {
            if !items.is_empty() && bytes + next.bytes > self.options.bytes_max {
                break;
            }
            bytes += next.bytes;
            if let Some(item) = waiting.items.pop_front() {
                items.push(item.content);
                answers.push(item.answer);
            }
        }
        self.room.add_permits(items.len());
        if items.is_empty() {
            waiting.writers -= 1;
            return None;
        }
        Some((items, answers))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const OPTIONS: Options = Options {
        name: "test",
        items_max: 3,
        bytes_max: 100,
        in_flight: 1,
        waiting_max: 16,
    };

    /// Sizes of the batches that come of items submitted while the first batch is on its way.
    async fn sizes(options: Options, bytes: &[usize]) -> Vec<usize> {
        let life = Lifecycle::new();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let gate = Arc::new(Semaphore::new(0));
        let (sizes, open) = (Arc::clone(&seen), Arc::clone(&gate));
        let batcher = Batcher::start(options, &life, move |items: Vec<usize>| {
            sizes.lock().push(items.len());
            let open = Arc::clone(&open);
            async move {
                open.acquire().await.unwrap().forget();
                items
            }
        });
        let mut results = Vec::new();
        for (number, bytes) in bytes.iter().enumerate() {
            results.push(batcher.begin(number, *bytes).await.unwrap());
            if number == 0 {
                while seen.lock().is_empty() {
                    tokio::task::yield_now().await;
                }
            }
        }
        gate.add_permits(bytes.len());
        for (number, result) in results.into_iter().enumerate() {
            assert_eq!(result.await, Ok(number));
        }
        seen.lock().clone()
    }

    #[tokio::test]
    async fn what_gathers_while_writing_goes_together() {
        assert_eq!(sizes(OPTIONS, &[1, 1, 1]).await, [1, 2]);
        assert_eq!(sizes(OPTIONS, &[1; 6]).await, [1, 3, 2]);
    }

    #[tokio::test]
    async fn a_batch_has_its_bytes() {
        assert_eq!(sizes(OPTIONS, &[1, 60, 60, 500, 1]).await, [1, 1, 1, 1, 1]);
        assert_eq!(sizes(OPTIONS, &[1, 60, 40, 1]).await, [1, 2, 1]);
    }

    /// A batcher that writes once its gate opens, and the gate.
    fn gated(options: Options, life: &Lifecycle) -> (Batcher<usize, usize>, Arc<Semaphore>) {
        let gate = Arc::new(Semaphore::new(0));
        let open = Arc::clone(&gate);
        let batcher = Batcher::start(options, life, move |items: Vec<usize>| {
            let open = Arc::clone(&open);
            async move {
                open.acquire().await.unwrap().forget();
                items
            }
        });
        (batcher, gate)
    }

    #[tokio::test]
    async fn a_drain_waits_for_what_was_submitted_and_not_for_the_batcher() {
        let life = Lifecycle::new();
        let (batcher, gate) = gated(OPTIONS, &life);
        let result = batcher.begin(1, 1).await.unwrap();
        life.drain().cancel();
        // Whoever still runs may submit.
        let late = batcher.begin(2, 1).await.unwrap();
        gate.add_permits(2);
        let stopped = life.stop(Duration::from_mins(1));
        tokio::time::timeout(Duration::from_secs(20), stopped)
            .await
            .expect("nothing keeps it");
        assert_eq!((result.await, late.await), (Ok(1), Ok(2)));
        assert_eq!(batcher.submit(3, 1).await, Err(Stopped));
    }

    #[tokio::test]
    async fn at_the_cut_what_waits_learns_that_it_is_over() {
        let life = Lifecycle::new();
        let options = Options {
            waiting_max: 2,
            ..OPTIONS
        };
        let (batcher, gate) = gated(options, &life);
        let first = batcher.begin(1, 1).await.unwrap();
        while batcher.0.room.available_permits() < 2 {
            tokio::task::yield_now().await;
        }
        let waiting = [
            batcher.begin(2, 1).await.unwrap(),
            batcher.begin(3, 1).await.unwrap(),
        ];
        let (without_room, ()) = tokio::join!(batcher.submit(4, 1), async {
            life.cut().cancel();
        });
        assert_eq!(without_room, Err(Stopped));
        for result in waiting {
            assert!(result.await.is_err());
        }
        // What is on its way is not interrupted.
        gate.add_permits(1);
        assert_eq!(first.await, Ok(1));
    }
}
