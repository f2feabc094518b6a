//! What every scenario of the queue stands on: an installation, the witness deployed on it, and the check at the end.

use std::time::Duration;

use anyhow::{Result, ensure};
use rand::Rng as _;
use rand::rngs::StdRng;

use crate::api::Door;
use crate::bench::Bench;
use crate::events::{self, Until};
use crate::figures::Figures;
use crate::installation::{Installation, Part};
use crate::ledger::{Book, Checked, Ledger, Totals};
use crate::network::Network;
use crate::witness::{Witness, Work};

/// Enough for the processor share that a busy environment needs.
pub(crate) const MEMORY_MB: u32 = 1_024;
/// Environments that a load's function may have, as an operator would limit it on two cores.
pub(crate) const ENVIRONMENTS: u32 = 16;
/// Clients of a preload.
pub(crate) const CONNECTIONS: usize = 64;
/// Of a ledger's events, so many are asked for over the API too.
const ASKED: usize = 30;

/// An installation with the witness on it.
pub(crate) struct Rig {
    pub(crate) installation: Installation,
    pub(crate) witness: Witness,
    chance: StdRng,
    hands_on: bool,
    /// That were checked: totals are those of a single one's load.
    ledgers: usize,
}

impl Rig {
    /// A gateway, and the witness created; nothing that runs it yet.
    pub(crate) async fn start(
        bench: &Bench,
        network: Option<Network>,
        memory_mb: u32,
        environments: Option<u32>,
    ) -> Result<Self> {
        let witness = Witness::build(&bench.repository, &bench.work).await?;
        let installation = Installation::start(bench, network).await?;
        installation
            .deploy(&installation.door, &witness, memory_mb, environments)
            .await?;
        Ok(Self {
            installation,
            witness,
            chance: bench.chance("samples"),
            hands_on: false,
            ledgers: 0,
        })
    }

    /// An executor with warm environments, and no queue that would give it events.
    pub(crate) async fn executor(&mut self, warm: usize) -> Result<()> {
        self.installation.add(Part::Executor(0)).await?;
        self.installation.settled().await;
        let door = self.installation.door.clone();
        self.installation.warm(&door, warm).await
    }

    /// From now on every event's end makes an event for a second function.
    pub(crate) async fn hand_on(&mut self, memory_mb: u32) -> Result<()> {
        self.installation.hand_on(&self.witness, memory_mb).await?;
        self.hands_on = true;
        Ok(())
    }

    /// A ledger of the first account's events.
    pub(crate) fn ledger(&self, name: &str) -> Result<Ledger> {
        self.ledger_of(&self.installation.door, name)
    }

    pub(crate) fn ledger_of(&self, door: &Door, name: &str) -> Result<Ledger> {
        Ledger::new(self.installation.dir(), name, door)
    }

    /// Hands over `count` events of no work.
    pub(crate) async fn preload(&self, ledger: &Ledger, count: u64) -> Result<Figures> {
        let door = &self.installation.door;
        let until = Until::Count(count);
        events::accept(door, ledger, CONNECTIONS, until, Work::default()).await
    }

    /// Waits until every event has its end, and checks each ledger.
    pub(crate) async fn check(
        &mut self,
        ledgers: &[Ledger],
        time_max: Duration,
    ) -> Result<Vec<Checked>> {
        let facts = self.installation.facts().await?;
        let book = Book::read(&facts, time_max).await?;
        self.ledgers += ledgers.len();
        let totals = match (self.ledgers, self.hands_on) {
            (1, true) => Totals::HandedOn,
            (1, false) => Totals::Alone,
            _ => Totals::None,
        };
        let mut all = Vec::new();
        for ledger in ledgers {
            let mut checked = book.check(ledger, &self.witness, totals)?;
            self.ask(&book, ledger, &mut checked).await?;
            ensure!(
                checked.verdict.accepted > 0,
                "no event of {} was accepted",
                ledger.name()
            );
            all.push(checked);
        }
        if all.iter().all(|checked| checked.verdict.passed()) {
            self.installation.sound();
        }
        Ok(all)
    }

    /// Asks the API for some of the events; it must tell of each the end that Postgres holds.
    async fn ask(&mut self, book: &Book, ledger: &Ledger, checked: &mut Checked) -> Result<()> {
        let entries = ledger.close()?;
        for _ in 0..ASKED.min(entries.len()) {
            let entry = entries[self.chance.random_range(0..entries.len())];
            let told = ledger.door().event_status(entry.id).await?;
            let told = told.and_then(|event| Some(event["status"].as_str()?.to_owned()));
            if !book.agrees(entry.id, told.as_deref()) {
                checked.verdict.faults.told_otherwise += 1;
                checked.verdict.show(format!("{} ({told:?})", entry.id));
            }
        }
        Ok(())
    }
}
