//! Clients that hand events over and write every 202 into a ledger.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::api::Door;
use crate::client::{Answer, Connection, Shot};
use crate::figures::{Figures, Latencies};
use crate::installation::FUNCTION;
use crate::ledger::{Accepted, Ledger, Pen};
use crate::open_loop::{Arrival, Sender};
use crate::witness::Work;

/// How long an answer may take: longer than a service is ever stopped for.
pub(crate) const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);
/// A signature is good for five minutes.
const SIGNED_TIME_MAX: Duration = Duration::from_mins(2);

/// What the n-th event of a load asks for.
pub(crate) type Works = Arc<dyn Fn(u64) -> Work + Send + Sync>;

/// One connection of an open loop.
pub(crate) struct EventSender {
    door: Door,
    pen: Pen,
    works: Works,
    connection: Option<Connection>,
    last_accepted: Option<Uuid>,
}

impl EventSender {
    pub(crate) fn last_accepted(&self) -> Option<Uuid> {
        self.last_accepted
    }

    /// As many as asked for.
    pub(crate) fn several(
        count: usize,
        door: &Door,
        ledger: &Ledger,
        works: &Works,
    ) -> Result<Vec<Self>> {
        (0..count)
            .map(|_| {
                Ok(Self {
                    door: door.clone(),
                    pen: ledger.pen()?,
                    works: Arc::clone(works),
                    connection: None,
                    last_accepted: None,
                })
            })
            .collect()
    }

    async fn answer(&mut self, shot: &Shot) -> Result<Answer> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(&shot.address).await?,
        };
        let answer = connection.send(shot).await?;
        self.connection = Some(connection);
        Ok(answer)
    }
}

impl Sender for EventSender {
    async fn send(&mut self, arrival: Arrival) -> Result<bool> {
        let work = (self.works)(arrival.number);
        let shot = self.door.event(FUNCTION, &work.payload())?;
        // Where services are broken on purpose an error is an answer too: the event was not accepted.
        let answer = tokio::time::timeout(ANSWER_TIME_MAX, self.answer(&shot)).await;
        let Ok(Ok(answer)) = answer else {
            self.connection = None;
            return Ok(false);
        };
        if answer.status != 202 {
            return Ok(false);
        }
        let id = request_id(&answer)?;
        self.pen.accepted(Accepted::new(id, work, arrival.due))?;
        self.last_accepted = Some(id);
        Ok(true)
    }
}

/// Whose request was answered.
pub(crate) fn request_id(answer: &Answer) -> Result<Uuid> {
    let header = answer.headers.get("x-amzn-requestid");
    let id = header.context("an answer without a request id")?;
    Ok(id.to_str()?.parse()?)
}

/// When a closed loop ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Until {
    Time(Duration),
    Count(u64),
}

/// Hands events over as fast as answers come, over `connections`; every answer must be a 202.
pub(crate) async fn accept(
    door: &Door,
    ledger: &Ledger,
    connections: usize,
    until: Until,
    work: Work,
) -> Result<Figures> {
    let throttle = Arc::default();
    accept_throttled((door, ledger), connections, until, work, throttle).await
}

/// Holds clients back while it is set.
#[derive(Debug, Default)]
pub(crate) struct Throttle(AtomicBool);

impl Throttle {
    pub(crate) fn set(&self, full: bool) {
        self.0.store(full, Ordering::Relaxed);
    }

    async fn passed(&self) {
        while self.0.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// As [`accept`], as long as `throttle` is not set.
pub(crate) async fn accept_throttled(
    (door, ledger): (&Door, &Ledger),
    connections: usize,
    until: Until,
    work: Work,
    throttle: Arc<Throttle>,
) -> Result<Figures> {
    let (started, synced) = (Instant::now(), ledger.synced());
    let begun = Arc::<AtomicU64>::default();
    let mut clients = JoinSet::new();
    for _ in 0..connections {
        let (door, pen, begun) = (door.clone(), ledger.pen()?, Arc::clone(&begun));
        let goes_on = move || {
            let number = begun.fetch_add(1, Ordering::Relaxed);
            match until {
                Until::Time(time) => started.elapsed() < time,
                Until::Count(count) => number < count,
            }
        };
        clients.spawn(client(door, pen, work, Arc::clone(&throttle), goes_on));
    }
    let mut latencies = Latencies::default();
    while let Some(part) = clients.join_next().await {
        latencies.add(&part??);
    }
    // They count once they are synced.
    while ledger.synced() - synced < latencies.count() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(latencies.figures(started.elapsed()))
}

async fn client(
    door: Door,
    pen: Pen,
    work: Work,
    throttle: Arc<Throttle>,
    goes_on: impl Fn() -> bool + Send,
) -> Result<Latencies> {
    let mut connection = Connection::open(&door.address).await?;
    let mut latencies = Latencies::default();
    let mut signed = Instant::now();
    let mut shot = door.event(FUNCTION, &work.payload())?;
    while goes_on() {
        throttle.passed().await;
        if signed.elapsed() > SIGNED_TIME_MAX {
            (signed, shot) = (Instant::now(), door.event(FUNCTION, &work.payload())?);
        }
        let due = Instant::now();
        let answer = connection.send(&shot).await?;
        latencies.record(due.elapsed());
        ensure!(
            answer.status == 202,
            "answer {}: {:?}",
            answer.status,
            answer.body
        );
        pen.accepted(Accepted::new(request_id(&answer)?, work, due))?;
    }
    Ok(latencies)
}
