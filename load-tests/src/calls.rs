//! Clients that invoke the witness and wait for its answer, and write down every answer.

use std::sync::Arc;

use anyhow::Result;
use bytes::Bytes;
use parking_lot::Mutex;
use uuid::Uuid;

use crate::api::Door;
use crate::client::Connection;
use crate::events::{ANSWER_TIME_MAX, Works, request_id};
use crate::installation::FUNCTION;
use crate::open_loop::{Arrival, Sender};

/// An answered call.
#[derive(Debug, Clone)]
pub(crate) struct Answered {
    pub(crate) id: Uuid,
    /// Of its work.
    pub(crate) number: u64,
    pub(crate) body: Bytes,
    /// Whether the function failed, by the answer.
    pub(crate) failed: bool,
}

/// What the callers know.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    pub(crate) answered: Vec<Answered>,
    /// Sent, and answered by an error or not at all: whether it ran is not known.
    pub(crate) unanswered: u64,
}

/// One connection of an open loop.
pub(crate) struct Caller {
    door: Door,
    works: Works,
    connection: Option<Connection>,
    calls: Arc<Mutex<Calls>>,
}

impl Caller {
    /// As many as asked for, with one book.
    pub(crate) fn several(
        count: usize,
        door: &Door,
        works: &Works,
    ) -> (Vec<Self>, Arc<Mutex<Calls>>) {
        let calls = Arc::<Mutex<Calls>>::default();
        let callers = (0..count).map(|_| Self {
            door: door.clone(),
            works: Arc::clone(works),
            connection: None,
            calls: Arc::clone(&calls),
        });
        (callers.collect(), Arc::clone(&calls))
    }

    /// The open connection, or a new one.
    async fn connection(&mut self) -> Result<Connection> {
        match self.connection.take() {
            Some(connection) => Ok(connection),
            None => Connection::open(&self.door.address).await,
        }
    }
}

impl Sender for Caller {
    async fn send(&mut self, arrival: Arrival) -> Result<bool> {
        let work = (self.works)(arrival.number);
        let shot = self.door.invoke(FUNCTION, &work.payload())?;
        let Ok(mut connection) = self.connection().await else {
            // Nothing was sent.
            return Ok(false);
        };
        let answer = tokio::time::timeout(ANSWER_TIME_MAX, connection.send(&shot)).await;
        let answer = match answer {
            Ok(Ok(answer)) => {
                self.connection = Some(connection);
                Some(answer).filter(|answer| answer.status == 200)
            }
            _ => None,
        };
        let Some(answer) = answer else {
            self.calls.lock().unanswered += 1;
            return Ok(false);
        };
        let answered = Answered {
            id: request_id(&answer)?,
            number: work.number,
            failed: answer.headers.contains_key("x-amz-function-error"),
            body: answer.body,
        };
        self.calls.lock().answered.push(answered);
        Ok(true)
    }
}
