//! Firing: the rows of fires and the events they stand for, in one transaction.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use domain::event::{Condition, EventId, Source};
use domain::schedule::{self, Fire, FireResult, Occasion, Overlap, render};
use domain::{AccountId, FunctionArn, FunctionName, Region};
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use super::ring::PerDay;
use crate::events::{NewEvent, insert_events};
use crate::{Error, Store};

macro_rules! insert {
    ($rest:literal) => {
        LazyLock::new(|| {
            PerDay::new(concat!(
                "INSERT INTO fire_{b} (schedule_id, scheduled_at, occasion, fired_at, result, event_id)
                 SELECT * FROM UNNEST($1::uuid[], $2::timestamptz[], $3::smallint[], $4::timestamptz[], $5::smallint[], $6::uuid[])
                 ",
                $rest
            ))
        })
    };
}

/// Of times that nobody has fired: a third cheaper, and refused as a whole where one was fired before.
static INSERT_NEW: LazyLock<PerDay> = insert!("");

static INSERT: LazyLock<PerDay> =
    insert!("ON CONFLICT DO NOTHING RETURNING schedule_id, scheduled_at, occasion");

/// A time that has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    pub schedule: Uuid,
    /// The generation it was computed of; `None` where somebody asked for the fire.
    pub generation: Option<i64>,
    pub scheduled_at: DateTime<Utc>,
    pub occasion: Occasion,
    /// [`FireResult::Fired`], or [`FireResult::Missed`] for one that is only to be written down.
    pub result: FireResult,
    /// Of the event, and its `X-Amzn-Trace-Id`.
    pub event: EventId,
    pub trace: String,
}

/// What firing gave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fired {
    /// Committed events: their owners are to be told.
    pub events: Vec<NewEvent>,
    /// Schedules that are not what they were thought to be: changed, disabled or gone.
    pub stale: Vec<Uuid>,
    /// How those ended that did not fire, and how often.
    pub others: Vec<FireResult>,
    /// Times that were fired before.
    pub known: usize,
    /// Events that a new one takes the place of.
    pub replaced: Vec<(AccountId, Region, EventId)>,
}

/// What is thought of times that are to be fired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Thought {
    /// Nobody has fired them: so it is, unless a replica died just now.
    New,
    /// Some may have been fired before.
    Known,
}

/// What is due of some schedules, by day.
type Days<'a> = Vec<(i64, Vec<&'a Due>)>;

type Subjects = HashMap<Uuid, (i64, Subject)>;

/// What a fire needs to know of its schedule.
struct Detail {
    id: Uuid,
    generation: i64,
    enabled: bool,
    account_id: i64,
    region: String,
    group_name: Option<String>,
    name: Option<String>,
    rule_name: Option<String>,
    target_arn: String,
    input: Option<String>,
    overlap: i16,
    dead_letter_arn: Option<String>,
}

/// A detail with its types.
pub(super) struct Subject {
    pub(super) target: Arc<Target>,
    arn: String,
    by_rule: bool,
    input: Option<String>,
    pub(super) overlap: Overlap,
    dead_letter_arn: Option<String>,
}

/// What a schedule invokes.
pub(super) struct Target {
    /// The schedule's.
    pub(super) account: AccountId,
    pub(super) region: Region,
    arn: FunctionArn,
    lane: i64,
    /// Whether the function is there, and its alias or version.
    exists: bool,
}

impl Subject {
    /// The event of a fire.
    pub(super) fn event(&self, due: &Due) -> NewEvent {
        let fire = Fire {
            arn: &self.arn,
            by_rule: self.by_rule,
            account: self.target.account,
            region: &self.target.region,
            scheduled_at: due.scheduled_at,
            execution_id: due.event.uuid(),
            attempt: 0,
        };
        NewEvent {
            id: due.event,
            lane: self.target.lane,
            account: self.target.account,
            qualifier: self.qualifier(),
            source: Source::Schedule,
            trace: due.trace.clone(),
            age_max_s: None,
            attempts_max: None,
            payload: render(self.input.as_deref(), &fire),
        }
    }

    fn qualifier(&self) -> String {
        let qualifier = self.target.arn.qualifier.as_ref();
        qualifier.map(ToString::to_string).unwrap_or_default()
    }
}

impl Store {
    /// Fires what is due; everything of one call is one transaction. `None`: the queue cannot take events at this moment.
    ///
    /// The events' ids must be of `now`: it says where they are kept.
    pub async fn fire(&self, due: &[Due], now: DateTime<Utc>) -> Result<Option<Fired>, Error> {
        let (mut fired, began) = (Fired::default(), Instant::now());
        let ids: Vec<Uuid> = due.iter().map(|due| due.schedule).collect();
        let subjects = self.subjects(&ids).await?;
        let mut by_day: BTreeMap<i64, Vec<&Due>> = BTreeMap::new();
        for one in due {
            let current = subjects.get(&one.schedule).is_some_and(|(generation, _)| {
                one.generation.is_none_or(|wanted| wanted == *generation)
            });
            if !current {
                fired.stale.push(one.schedule);
                continue;
            }
            let day = match one.occasion {
                Occasion::Time => schedule::day(one.scheduled_at),
                _ => schedule::day(now),
            };
            by_day.entry(day).or_default().push(one);
        }
        let Some(hour) = due.first().map(|due| due.event.hour()) else {
            return Ok(Some(fired));
        };
        if !self.turn_ring(hour).await? {
            return Ok(None);
        }
        let mut kept = Vec::with_capacity(by_day.len());
        // The newest first: it may take an old day's bucket.
        for (day, list) in by_day.into_iter().rev() {
            if self.turn_fire_ring(day).await? {
                kept.push((day, list));
            } else {
                // Nobody can say any more whether it was fired: then it was.
                fired.known += list.len();
            }
        }
        // What the preparation took is part of being late.
        let at = || now + TimeDelta::from_std(began.elapsed()).unwrap_or_default();
        let first = self
            .fire_days(&kept, &subjects, at(), Thought::New, fired.clone())
            .await;
        let fired = match first {
            Err(error) if error.is_duplicate() => {
                self.fire_days(&kept, &subjects, at(), Thought::Known, fired)
                    .await
            }
            other => other,
        };
        Ok(Some(fired?))
    }

    /// One transaction.
    async fn fire_days(
        &self,
        days: &Days<'_>,
        subjects: &Subjects,
        now: DateTime<Utc>,
        thought: Thought,
        mut fired: Fired,
    ) -> Result<Fired, Error> {
        let mut tx = self.pool.begin().await?;
        for (day, list) in days {
            let new = insert(&mut tx, *day, list, now, subjects, thought).await?;
            fired.known += list.len() - new.len();
            for due in new {
                let subject = &subjects[&due.schedule].1;
                let result = match result(due, subject) {
                    FireResult::Fired if guarded(due, subject) => {
                        self.guard(&mut tx, (*day, due), subject, &mut fired)
                            .await?
                    }
                    other => other,
                };
                match result {
                    FireResult::Fired => fired.events.push(subject.event(due)),
                    FireResult::Dead => {
                        bury(&mut tx, due, subject, now).await?;
                        fired.others.push(result);
                    }
                    other => fired.others.push(other),
                }
            }
        }
        insert_events(&mut tx, &fired.events).await?;
        tx.commit().await?;
        Ok(fired)
    }

    /// The schedules as they are now, with their generations; that of a disabled one is no fire's. Those that are gone are left out.
    pub(super) async fn subjects(&self, ids: &[Uuid]) -> Result<Subjects, Error> {
        let rows = sqlx::query_as!(
            Detail,
            r#"SELECT s.id AS "id!", s.generation AS "generation!", s.enabled AS "enabled!", s.account_id AS "account_id!",
                 s.region AS "region!", g.name AS "group_name?", s.name, r.name AS "rule_name?", s.target_arn AS "target_arn!",
                 s.input, s.overlap AS "overlap!", s.dead_letter_arn
             FROM schedule AS s
             LEFT JOIN schedule_group AS g ON g.id = s.group_id
             LEFT JOIN rule AS r ON r.id = s.rule_id
             WHERE s.id = ANY($1)"#,
            ids
        )
        .fetch_all(&self.pool)
        .await?;
        let targets = self.targets(&rows).await?;
        let mut subjects = HashMap::with_capacity(rows.len());
        for (row, target) in rows.into_iter().zip(targets) {
            // A disabled schedule fires when it is asked to, but its times do not come.
            let generation = if row.enabled { row.generation } else { -1 };
            subjects.insert(row.id, (generation, row.subject(target)?));
        }
        Ok(subjects)
    }

    /// What each of these schedules is for. Many may have the same target: it is looked up once.
    async fn targets(&self, rows: &[Detail]) -> Result<Vec<Arc<Target>>, Error> {
        let mut distinct: HashMap<(i64, &str, &str), usize> = HashMap::new();
        let mut list = Vec::new();
        let places: Vec<usize> = rows
            .iter()
            .map(|row| {
                let key = (row.account_id, row.region.as_str(), row.target_arn.as_str());
                *distinct.entry(key).or_insert_with(|| {
                    list.push(key);
                    list.len() - 1
                })
            })
            .collect();
        let part = |arn: &str, number| arn.split(':').nth(number).unwrap_or_default().to_owned();
        let accounts: Vec<i64> = list.iter().map(|one| one.0).collect();
        let regions: Vec<String> = list.iter().map(|one| one.1.to_owned()).collect();
        let functions: Vec<String> = list.iter().map(|one| part(one.2, 6)).collect();
        let qualifiers: Vec<String> = list.iter().map(|one| part(one.2, 7)).collect();
        let found = sqlx::query!(
            r#"SELECT (SELECT l.id FROM lane AS l
                     WHERE l.account_id = t.account_id AND l.region = t.region AND l.function_name = t.function) AS lane,
                 EXISTS (SELECT FROM function AS f
                     WHERE f.account_id = t.account_id AND f.region = t.region AND f.name = t.function)
                 AND (t.qualifier IN ('', '$LATEST')
                     OR EXISTS (SELECT FROM alias AS a WHERE a.account_id = t.account_id AND a.region = t.region
                         AND a.function_name = t.function AND a.name = t.qualifier)
                     OR EXISTS (SELECT FROM function_version AS v WHERE v.account_id = t.account_id AND v.region = t.region
                         AND v.function_name = t.function AND v.number > 0 AND v.number::text = t.qualifier)
                 ) AS "exists!"
             FROM UNNEST($1::bigint[], $2::text[], $3::text[], $4::text[]) WITH ORDINALITY
                 AS t (account_id, region, function, qualifier, place)
             ORDER BY t.place"#,
            &accounts,
            &regions,
            &functions,
            &qualifiers,
        )
        .fetch_all(&self.pool)
        .await?;
        let mut targets = Vec::with_capacity(list.len());
        let mut lanes: HashMap<(i64, &str, FunctionName), i64> = HashMap::new();
        for ((account_id, region, arn), found) in list.iter().copied().zip(found) {
            let mut target = Target::read(account_id, region, arn, found.exists)?;
            let key = (account_id, region, target.arn.name.clone());
            // Made where the function never had an event.
            let known = found.lane.or_else(|| lanes.get(&key).copied());
            target.lane = if let Some(lane) = known {
                lane
            } else {
                self.lane(target.account, &target.region, &target.arn.name)
                    .await?
            };
            lanes.insert(key, target.lane);
            targets.push(Arc::new(target));
        }
        let target = |place: usize| targets.get(place).cloned();
        let all: Option<Vec<Arc<Target>>> = places.into_iter().map(target).collect();
        all.ok_or(Error::Inconsistent("schedule.target_arn"))
    }
}

impl Detail {
    fn subject(self, target: Arc<Target>) -> Result<Subject, Error> {
        let Target {
            account, region, ..
        } = &*target;
        let prefix = |service: &str| format!("arn:aws:{service}:{region}:{account}");
        let (arn, by_rule) = match (&self.rule_name, &self.group_name, &self.name) {
            (Some(rule), ..) => (format!("{}:rule/{rule}", prefix("events")), true),
            (None, Some(group), Some(name)) => (
                format!("{}:schedule/{group}/{name}", prefix("scheduler")),
                false,
            ),
            _ => return Err(Error::Inconsistent("schedule.group_id")),
        };
        Ok(Subject {
            target,
            arn,
            by_rule,
            input: self.input,
            overlap: Overlap::from_number(self.overlap)
                .ok_or(Error::Inconsistent("schedule.overlap"))?,
            dead_letter_arn: self.dead_letter_arn,
        })
    }
}

impl Target {
    fn read(account_id: i64, region: &str, arn: &str, exists: bool) -> Result<Self, Error> {
        let account = u64::try_from(account_id).ok().and_then(AccountId::new);
        Ok(Self {
            account: account.ok_or(Error::Inconsistent("schedule.account_id"))?,
            region: region
                .parse()
                .map_err(|_| Error::Inconsistent("schedule.region"))?,
            arn: arn
                .parse()
                .map_err(|_| Error::Inconsistent("schedule.target_arn"))?,
            lane: 0,
            exists,
        })
    }
}

/// Whether the overlap policy has a say: not where somebody asked for the fire.
fn guarded(due: &Due, subject: &Subject) -> bool {
    due.occasion == Occasion::Time && subject.overlap != Overlap::Allow
}

fn result(due: &Due, subject: &Subject) -> FireResult {
    match due.result {
        FireResult::Fired if !subject.target.exists => FireResult::Dead,
        other => other,
    }
}

/// Inserts the fires of one day; answers those that are new.
async fn insert<'a>(
    tx: &mut PgConnection,
    day: i64,
    list: &[&'a Due],
    now: DateTime<Utc>,
    subjects: &Subjects,
    thought: Thought,
) -> Result<Vec<&'a Due>, Error> {
    let results: Vec<FireResult> = list
        .iter()
        .map(|due| result(due, &subjects[&due.schedule].1))
        .collect();
    let event = |(due, result): (&&Due, &FireResult)| {
        matches!(result, FireResult::Fired | FireResult::Dead).then(|| due.event.uuid())
    };
    let statement = match thought {
        Thought::New => &INSERT_NEW,
        Thought::Known => &INSERT,
    };
    let rows = sqlx::query(statement.of(day))
        .bind(list.iter().map(|due| due.schedule).collect::<Vec<_>>())
        .bind(list.iter().map(|due| due.scheduled_at).collect::<Vec<_>>())
        .bind(
            list.iter()
                .map(|due| due.occasion.number())
                .collect::<Vec<_>>(),
        )
        .bind(vec![now; list.len()])
        .bind(results.iter().map(|one| one.number()).collect::<Vec<_>>())
        .bind(list.iter().zip(&results).map(event).collect::<Vec<_>>())
        .fetch_all(tx)
        .await?;
    if thought == Thought::New {
        return Ok(list.to_vec());
    }
    // The database's times have microseconds.
    let mut new = HashSet::with_capacity(rows.len());
    for row in rows {
        let at: DateTime<Utc> = row.try_get(1)?;
        let key: (Uuid, i64, i16) = (row.try_get(0)?, at.timestamp_micros(), row.try_get(2)?);
        new.insert(key);
    }
    // Taken out when it is met: a time that is in the list twice is new once.
    let us = |due: &Due| due.scheduled_at.timestamp_micros();
    let key = |due: &Due| (due.schedule, us(due), due.occasion.number());
    Ok(list
        .iter()
        .copied()
        .filter(|due| new.remove(&key(due)))
        .collect())
}

/// Keeps what has no function to go to as a dead letter.
async fn bury(
    tx: &mut PgConnection,
    due: &Due,
    subject: &Subject,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let (event, target) = (subject.event(due), &subject.target);
    let error = format!("There is no function {}.", target.arn);
    sqlx::query!(
        "INSERT INTO dead_letter (id, lane_id, account_id, region, function_name, qualifier, condition, attempts, error, trace,
             accepted_at, dead_at, payload)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9, $10, $10, $11)",
        event.id.uuid(),
        event.lane,
        target.account.number(),
        target.region.as_str(),
        target.arn.name.as_str(),
        event.qualifier,
        Condition::FunctionNotFound.as_str(),
        error,
        event.trace,
        now,
        event.payload,
    )
    .execute(&mut *tx)
    .await?;
    let Some(queue) = &subject.dead_letter_arn else {
        return Ok(());
    };
    sqlx::query!(
        "INSERT INTO undelivered (id, inv_id, account_id, region, function_name, kind, target, reason, at, body)
         VALUES ($1, $1, $2, $3, $4, 3, $5, $6, $7, $8)",
        event.id.uuid(),
        target.account.number(),
        target.region.as_str(),
        target.arn.name.as_str(),
        queue,
        "Queues of this kind are not served yet.",
        now,
        event.payload,
    )
    .execute(tx)
    .await?;
    Ok(())
}
