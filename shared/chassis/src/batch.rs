//! Group commit: many callers, few writes.
//!
//! Callers submit one item each and wait for its result. A writer takes what has gathered and hands it over as one batch; while
//! batches are on their way, the next one gathers. So an idle system writes at once, and a busy one writes in batches whose size
//! follows the load, without anybody waiting for a timer.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc, oneshot};

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

/// Gathers items. Cheap to clone.
pub struct Batcher<T, R>(mpsc::Sender<Item<T, R>>);

impl<T, R> Clone for Batcher<T, R> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Send + 'static, R: Send + 'static> Batcher<T, R> {
    /// Starts a batcher. `write` gets a batch and answers one result for each item, in order; where it answers fewer, the
    /// callers of the others learn that it stopped. Ends when all handles are gone, or at the cut.
    pub fn start<W, F>(options: Options, life: &Lifecycle, write: W) -> Self
    where
        W: Fn(Vec<T>) -> F + Send + Sync + 'static,
        F: Future<Output = Vec<R>> + Send + 'static,
    {
        let (sender, receiver) = mpsc::channel(options.waiting_max);
        let (cut, life_) = (life.cut().clone(), life.clone());
        life.spawn(options.name, async move {
            tokio::select! {
                () = gather(options, receiver, write, &life_) => {}
                () = cut.cancelled() => {}
            }
        });
        Self(sender)
    }

    /// Waits until the item's batch is written.
    pub async fn submit(&self, item: T, bytes: usize) -> Result<R, Stopped> {
        self.begin(item, bytes).await?.await.map_err(|_| Stopped)
    }

    /// As [`Self::submit`], but answers once the item is taken: the result comes through the channel.
    pub async fn begin(&self, item: T, bytes: usize) -> Result<oneshot::Receiver<R>, Stopped> {
        let (answer, result) = oneshot::channel();
        let item = Item {
            content: item,
            bytes,
            answer,
        };
        self.0.send(item).await.map_err(|_| Stopped)?;
        Ok(result)
    }
}

async fn gather<T, R, W, F>(
    options: Options,
    mut receiver: mpsc::Receiver<Item<T, R>>,
    write: W,
    life: &Lifecycle,
) where
    T: Send + 'static,
    R: Send + 'static,
    W: Fn(Vec<T>) -> F + Send + Sync + 'static,
    F: Future<Output = Vec<R>> + Send + 'static,
{
    let turns = Arc::new(Semaphore::new(options.in_flight));
    let mut left: Option<Item<T, R>> = None;
    loop {
        // The turn comes first: what arrives while waiting for it belongs to this batch.
        let Ok(turn) = Arc::clone(&turns).acquire_owned().await else {
            return;
        };
        let first = match left.take() {
            Some(item) => item,
            None => match receiver.recv().await {
                Some(item) => item,
                None => return,
            },
        };
        let mut bytes = first.bytes;
        let (mut items, mut answers) = (vec![first.content], vec![first.answer]);
        while items.len() < options.items_max {
            let Ok(next) = receiver.try_recv() else {
                break;
            };
            if bytes + next.bytes > options.bytes_max {
                left = Some(next);
                break;
            }
            bytes += next.bytes;
            items.push(next.content);
            answers.push(next.answer);
        }
        let written = write(items);
        life.spawn(options.name, async move {
            for (answer, result) in answers.into_iter().zip(written.await) {
                let _ = answer.send(result);
            }
            drop(turn);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;

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
}
