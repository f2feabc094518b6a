//! Prices in memory: what an execution costs at list price by its account's book, without asking the database.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use chassis::Lifecycle;
use domain::AccountId;
use domain::execution::Execution;
use domain::price::book::{STEP_MS_DEFAULT, hour_of};
use domain::price::{Book, Cost, Sku};
use parking_lot::RwLock;
use store::Store;
use store::prices::DEFAULT_BOOK;

/// How often the price books and the accounts' terms are asked whether they moved. A price must be published before it holds,
/// so a minute is enough.
const REFRESH_EVERY: Duration = Duration::from_mins(1);

/// The price books as last seen. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Prices {
    books: Arc<RwLock<Arc<Books>>>,
}

/// All books, and who has which.
#[derive(Debug, Default)]
struct Books {
    /// Of accounts without terms of their own.
    default: Arc<Book>,
    by_name: BTreeMap<String, Arc<Book>>,
    /// Names of the books of those that have terms.
    of_account: HashMap<AccountId, String>,
}

impl Books {
    /// An account's book. One that is named, but not there, prices nothing: another one would be wrong.
    fn of(&self, account: AccountId) -> Option<&Arc<Book>> {
        match self.of_account.get(&account) {
            None => Some(&self.default),
            Some(name) => self.by_name.get(name),
        }
    }
}

impl Prices {
    /// Loads the books and keeps them fresh until the drain. Without a database it starts empty and fills once there is one:
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

    /// Prices from a book at hand, for every account.
    pub fn of(book: Book) -> Self {
        let books = Books {
            default: Arc::new(book),
            ..Books::default()
        };
        Self {
            books: Arc::new(RwLock::new(Arc::new(books))),
        }
    }

    /// List price of one execution that counts as so many requests; `None` where its account's book has none for its region
    /// (`domain::price::Book::cost`).
    pub fn cost(&self, execution: &Execution, requests: i128) -> Option<Cost> {
        self.books()
            .of(execution.account)?
            .cost(execution, requests)
    }

    /// Billed duration of an execution in whole steps of the price in force (rule R0).
    pub fn billed_ms(&self, execution: &Execution) -> u64 {
        let sku = Sku::Duration(execution.architecture);
        let hour = hour_of(execution.ended_at);
        let books = self.books();
        let step = |book: &Arc<Book>| book.duration_step_ms(&execution.region, sku, hour);
        let step = books.of(execution.account).map_or(STEP_MS_DEFAULT, step);
        execution.billed_ms(step.into())
    }

    fn books(&self) -> Arc<Books> {
        Arc::clone(&self.books.read())
    }

    /// Loads what moved; answers the stamp of the prices that are now in memory.
    async fn refresh(&self, store: &Store, known: i64) -> i64 {
        match load(store, known, &self.books()).await {
            Ok((stamp, books)) => {
                *self.books.write() = Arc::new(books);
                stamp
            }
            Err(error) => {
                tracing::warn!(%error, "prices not loaded, keeping those in memory");
                known
            }
        }
    }
}

/// Terms are read each time, being few words for each account that has any; prices only where their stamp moved.
async fn load(store: &Store, known: i64, old: &Books) -> Result<(i64, Books), store::Error> {
    // Terms first: a book that they name is then among those read after them.
    let of_account = store.account_books().await?;
    let stamp = store.price_stamp().await?;
    let by_name = if stamp == known {
        old.by_name.clone()
    } else {
        let books = store.price_books().await?.into_iter();
        books.map(|(name, book)| (name, Arc::new(book))).collect()
    };
    let default = by_name.get(DEFAULT_BOOK).cloned().unwrap_or_default();
    let books = Books {
        default,
        by_name,
        of_account,
    };
    Ok((stamp, books))
}

#[cfg(test)]
mod tests;
