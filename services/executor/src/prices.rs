//! Prices in memory: what an execution costs at list price, without asking the database.

use std::sync::Arc;
use std::time::Duration;

use chassis::Lifecycle;
use domain::execution::Execution;
use domain::price::book::hour_of;
use domain::price::{Book, Cost, Sku};
use parking_lot::RwLock;
use store::Store;
use store::prices::DEFAULT_BOOK;

/// How often the price book is asked whether it moved. A price must be published before it holds, so a minute is enough.
const REFRESH_EVERY: Duration = Duration::from_mins(1);

/// The price book as last seen. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Prices {
    book: Arc<RwLock<Arc<Book>>>,
}

impl Prices {
    /// Loads the book and keeps it fresh until the drain. Without a database it starts empty and fills once there is one:
    /// a missing price must not stop functions from running.
    pub async fn start(store: Store, life: &Lifecycle) -> Self {
        let prices = Self::default();
        let mut stamp = prices.refresh(&store, 0).await;
        let (kept, drain) = (prices.clone(), life.drain().clone());
        life.spawn("prices", async move {
            loop {
                tokio::select! {
                    () = drain.cancelled() => return,
                    () = tokio::time::sleep(REFRESH_EVERY) => stamp = kept.refresh(&store, stamp).await,
                }
            }
        });
        prices
    }

    /// Prices from a book at hand.
    pub fn of(book: Book) -> Self {
        Self {
            book: Arc::new(RwLock::new(Arc::new(book))),
        }
    }

    /// List price of one execution; `None` where the book has none for its region (`domain::price::Book::cost`).
    pub fn cost(&self, execution: &Execution) -> Option<Cost> {
        self.book().cost(execution)
    }

    /// Billed duration of an execution in whole steps of the price in force (rule R0).
    pub fn billed_ms(&self, execution: &Execution) -> u64 {
        let sku = Sku::Duration(execution.architecture);
        let hour = hour_of(execution.ended_at);
        let step = self.book().duration_step_ms(&execution.region, sku, hour);
        execution.billed_ms(step.into())
    }

    fn book(&self) -> Arc<Book> {
        Arc::clone(&self.book.read())
    }

    /// Loads the book where its stamp moved; answers the stamp that is now in memory.
    async fn refresh(&self, store: &Store, known: i64) -> i64 {
        match load(store, known).await {
            Ok((stamp, book)) => {
                if let Some(book) = book {
                    *self.book.write() = Arc::new(book);
                }
                stamp
            }
            Err(error) => {
                tracing::warn!(%error, "price book not loaded, keeping the one in memory");
                known
            }
        }
    }
}

async fn load(store: &Store, known: i64) -> Result<(i64, Option<Book>), store::Error> {
    let stamp = store.price_stamp().await?;
    if stamp == known {
        return Ok((stamp, None));
    }
    Ok((stamp, Some(store.price_book(DEFAULT_BOOK).await?)))
}
