//! Processes that spend one limit together, some of which are killed.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use chassis::Ids;
use chrono::{DateTime, Utc};
use domain::AccountId;
use domain::bill::cap::{Action, Scope};
use domain::price::Book;
use rand::Rng as _;
use rand::rngs::StdRng;
use store::Store;
use store::caps::{CHUNKS, Cap};

use super::call::Rate;
use super::percent;
use super::process::{Figures, Settings, VARIABLE};
use super::record;
use super::watch::{Look, Watch};
use crate::children::{Child, Program, last_words};
use crate::databases::Postgres;
use crate::figures::{median, per};

/// How often it is looked at.
const LOOKS_EVERY: Duration = Duration::from_millis(5);
const TIME_MAX: Duration = Duration::from_mins(15);
/// For a process that was seen to have ended.
const ENDS_WITHIN: Duration = Duration::from_secs(5);

/// What to do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    pub(super) account: AccountId,
    pub(super) limit_e10: i64,
    pub(super) processes: u32,
    /// Of each.
    pub(super) tasks: u32,
    pub(super) kills: u32,
    pub(super) at: DateTime<Utc>,
}

impl Load {
    /// What is lost with one process at most, as `dispatch::caps` says: what its tasks held at once, and a chunk.
    pub(super) fn lost_e10_max(&self, ceiling_e10: i64) -> i64 {
        i64::from(self.tasks) * ceiling_e10 + self.limit_e10 / CHUNKS
    }
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Spent {
    /// Calls that ran.
    pub(super) runs: u64,
    /// What they are billed.
    pub(super) ran_e10: i64,
    pub(super) settled_e10: i64,
    /// Settled, and not for what ran.
    pub(super) lost_e10: i64,
    /// What was held for one call.
    pub(super) ceiling_e10: i64,
    pub(super) kills: u32,
    /// Until next to nothing was left to draw.
    pub(super) per_second: f64,
    pub(super) looks: u32,
    /// With less left than one call is held.
    pub(super) looks_at_end: u32,
    /// A hold without a wait: p50 and p99.
    pub(super) hold_us: (f64, f64),
    pub(super) waited_percent: f64,
    held_e10: i64,
}

impl Spent {
    pub(super) fn usable_percent(&self, load: &Load) -> f64 {
        percent(self.ran_e10, load.limit_e10)
    }

    /// What must hold at the end, whoever was killed when.
    pub(super) fn check(&self, load: &Load) -> Result<()> {
        ensure!(self.runs > 0, "nothing ran: {self:?}");
        ensure!(self.ran_e10 <= load.limit_e10, "overshoot: {self:?}");
        ensure!(self.held_e10 == 0, "held by nobody: {self:?}");
        ensure!(self.kills * 2 >= load.kills, "few were killed: {self:?}");
        ensure!(self.lost_e10 >= 0, "more ran than was counted: {self:?}");
        let lost_max = i64::from(self.kills) * load.lost_e10_max(self.ceiling_e10);
        ensure!(
            self.lost_e10 <= lost_max,
            "more was lost than {lost_max}: {self:?}"
        );
        Ok(())
    }
}

/// One of the processes.
struct Place {
    program: Program,
    log: PathBuf,
    child: Option<Child>,
    record: PathBuf,
    /// Calls of earlier lives.
    runs_before: u64,
    figures: PathBuf,
}

impl Place {
    /// Whether there is anything to lose: it lives, and has let calls run.
    fn has_begun(&self) -> Result<bool> {
        let lives = self.child.as_ref().is_some_and(|child| !child.has_ended());
        Ok(lives && record::runs(&self.record)? > self.runs_before)
    }
}

struct Crowd<'a> {
    places: Vec<Place>,
    watch: Watch<'a>,
    chance: StdRng,
    /// The shares of the limit at which one is killed, in 10⁻¹⁰ of its currency; the next one last.
    kills_at_e10: Vec<i64>,
    kills: u32,
    looks: (u32, u32),
    /// When next to nothing was left to draw, and how many had run.
    dry: Option<(Instant, u64)>,
}

/// Spends the whole limit.
pub(super) async fn spend(
    load: &Load,
    postgres: &Postgres,
    store: &Store,
    dir: &Path,
    chance: StdRng,
) -> Result<Spent> {
    store
        .create_account(load.account, &format!("capped-{}", load.account), load.at)
        .await?;
    let cap = Cap {
        id: Ids.random(),
        scope: Scope::Account,
        limit_e10: load.limit_e10,
        currency: "USD".parse()?,
        action: Action::Stop,
    };
    store.set_cap(load.account, &cap, 0, load.at).await?;
    let book = Book::parse(store::prices::SHIPPED)?;
    let rate = Rate::new(&book, load.account, load.at)?;
    let (counted_e10, ceiling_e10) = (rate.counted_e10()?, rate.ceiling_e10()?);
    let started = Instant::now();
    let mut crowd = Crowd::start(load, postgres, dir, rate, chance).await?;
    crowd.until_nothing_is_left(load, ceiling_e10).await?;
    // Not the time in which callers are refused most times.
    let (dry_at, runs_until) = crowd.dry.context("something was left to draw")?;
    let per_second = per(runs_until, (dry_at - started).as_secs_f64());
    // Nobody is left who would do it after 30 s.
    store.forfeit_leases(0).await?;
    let last = crowd.watch.look().await?;
    let figures = crowd.figures()?;
    let (warm, waited): (u64, u64) = figures
        .iter()
        .fold((0, 0), |sum, one| (sum.0 + one.warm, sum.1 + one.waited));
    Ok(Spent {
        runs: last.runs,
        ran_e10: last.ran_e10,
        settled_e10: last.settled_e10,
        lost_e10: last.settled_e10 - i64::try_from(last.runs)? * counted_e10,
        ceiling_e10,
        kills: crowd.kills,
        per_second,
        looks: crowd.looks.0,
        looks_at_end: crowd.looks.1,
        hold_us: (
            median(figures.iter().filter_map(|one| one.p50_us)),
            median(figures.iter().filter_map(|one| one.p99_us)),
        ),
        waited_percent: 100.0 * per(waited, per(warm + waited, 1.0)),
        held_e10: last.held_e10,
    })
}

impl<'a> Crowd<'a> {
    async fn start(
        load: &Load,
        postgres: &Postgres,
        dir: &Path,
        rate: Rate<'a>,
        mut chance: StdRng,
    ) -> Result<Self> {
        let mut places = Vec::new();
        let mut records = Vec::new();
        for number in 0..load.processes {
            let name = format!("caps-{}-{number}", load.account);
            let settings = Settings {
                database_url: postgres.url(),
                account: load.account,
                at: load.at,
                tasks: load.tasks,
                record: dir.join(&name).with_extension("record"),
                figures: dir.join(&name).with_extension("figures"),
            };
            let log = dir.join(&name).with_extension("log");
            let words = [
                std::env::current_exe()?.into_os_string(),
                "--cap-process".into(),
            ];
            let program =
                Program::new(&name, &log, words).env(VARIABLE, serde_json::to_string(&settings)?);
            places.push(Place {
                child: Some(program.start()?),
                program,
                log,
                record: settings.record.clone(),
                runs_before: 0,
                figures: settings.figures,
            });
            records.push(settings.record);
        }
        let watch = Watch {
            client: postgres.connect().await?,
            account: load.account.number(),
            limit_e10: load.limit_e10,
            rate,
            records,
        };
        let kills_at_e10 = kills_at_e10(load, &mut chance);
        Ok(Self {
            places,
            watch,
            chance,
            kills_at_e10,
            kills: 0,
            looks: (0, 0),
            dry: None,
        })
    }

    /// Looks on, and kills when it is time, until all processes have given up.
    async fn until_nothing_is_left(&mut self, load: &Load, ceiling_e10: i64) -> Result<()> {
        let deadline = Instant::now() + TIME_MAX;
        let mut ticks = tokio::time::interval(LOOKS_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let look = self.watch.look().await?;
            self.looks.0 += 1;
            if load.limit_e10 - look.taken_e10() < ceiling_e10 {
                self.dry.get_or_insert_with(|| (Instant::now(), look.runs));
                self.looks.1 += 1;
            }
            if self.is_time_to_kill(&look) && self.kill_one()? {
                self.kills_at_e10.pop();
            }
            if !self.anybody_runs().await? {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "not done: {look:?}");
        }
    }

    fn is_time_to_kill(&self, look: &Look) -> bool {
        let next = self.kills_at_e10.last();
        next.is_some_and(|at_e10| *at_e10 <= look.taken_e10())
    }

    /// One of those that have begun, by chance; it is started again. False: none has.
    fn kill_one(&mut self) -> Result<bool> {
        let mut begun = Vec::new();
        for place in &mut self.places {
            if place.has_begun()? {
                begun.push(place);
            }
        }
        if begun.is_empty() {
            return Ok(false);
        }
        let place = begun.swap_remove(self.chance.random_range(0..begun.len()));
        let mut child = place.child.take().context("a child")?;
        child.kill()?;
        place.runs_before = record::runs(&place.record)?;
        place.child = Some(place.program.start()?);
        self.kills += 1;
        Ok(true)
    }

    async fn anybody_runs(&mut self) -> Result<bool> {
        let mut any = false;
        for place in &mut self.places {
            match &mut place.child {
                Some(child) if child.has_ended() => {
                    let name = child.name.clone();
                    let status = child.ended(ENDS_WITHIN).await?;
                    ensure!(
                        status.success(),
                        "{name} ended with {status}: {}",
                        last_words(&place.log)
                    );
                    place.child = None;
                }
                Some(_) => any = true,
                None => {}
            }
        }
        Ok(any)
    }

    fn figures(&self) -> Result<Vec<Figures>> {
        let read = |place: &Place| Ok(serde_json::from_slice(&std::fs::read(&place.figures)?)?);
        self.places.iter().map(read).collect()
    }
}

/// When to kill: half of the times anywhere, half in the last tenth of the limit; the first one last.
fn kills_at_e10(load: &Load, chance: &mut StdRng) -> Vec<i64> {
    // Not in the very end, in which nobody begins any more.
    let (limit, last) = (load.limit_e10, load.limit_e10 - load.limit_e10 / 1_000);
    let mut at: Vec<i64> = (0..load.kills)
        .map(|number| match number % 2 {
            0 => chance.random_range(limit / 100..last),
            _ => chance.random_range(limit - limit / 10..last),
        })
        .collect();
    at.sort_unstable_by(|a, b| b.cmp(a));
    at
}
