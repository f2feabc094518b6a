//! Reads hints: one connection that blocks on the streams of all shards that are held.

use std::collections::HashMap;
use std::time::Duration;

use chassis::Lifecycle;
use dispatch::hints::{self, Hint};
use redis::AsyncCommands as _;
use redis::aio::{ConnectionManager, MultiplexedConnection};
use redis::streams::{StreamReadOptions, StreamReadReply};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::{mpsc, watch};

use dispatch::leases::Held;

/// A read waits so long for hints: short, so that a change of shards is seen soon.
const BLOCK_MS: usize = 500;
/// Hints of one stream in one read.
const COUNT: usize = 512;
/// Pause after Redis failed.
const PAUSE: Duration = Duration::from_millis(200);

/// What the reader brings.
#[derive(Debug)]
pub(crate) enum Read {
    Hints(Vec<Hint>),
    /// These shards have events that nobody hinted at, or hints may have been lost.
    More(Vec<i16>),
}

/// Where the reader reads from.
pub(crate) struct Source {
    pub(crate) url: SecretString,
    pub(crate) password: Option<SecretString>,
    /// For everything that does not block.
    pub(crate) shared: ConnectionManager,
}

/// Reads until the drain.
pub(crate) async fn read(
    source: Source,
    mut held: watch::Receiver<Held>,
    owner: mpsc::Sender<Read>,
    life: Lifecycle,
) {
    let mut connection: Option<MultiplexedConnection> = None;
    let mut last: HashMap<String, String> = HashMap::new();
    loop {
        if life.drain().is_cancelled() {
            return;
        }
        let shards: Vec<i16> = held.borrow().shards.iter().map(|held| held.shard).collect();
        if shards.is_empty() {
            last.clear();
            tokio::select! {
                _ = held.changed() => {}
                () = life.drain().cancelled() => return,
            }
            continue;
        }
        let turn = async {
            let reader = match &mut connection {
                Some(reader) => reader,
                None => connection.insert(connect(&source).await?),
            };
            let hints = round(reader, &shards, &mut last).await?;
            tidy(&source.shared, &hints).await?;
            Ok::<_, String>((hints, more(&source.shared, &shards).await?))
        };
        match turn.await {
            Ok((hints, more)) => {
                let hints: Vec<Hint> = hints.into_iter().flat_map(|(_, _, hints)| hints).collect();
                if !hints.is_empty() && owner.send(Read::Hints(hints)).await.is_err() {
                    return;
                }
                if !more.is_empty() && owner.send(Read::More(more)).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::debug!(%error, "hints cannot be read: the sweep finds events meanwhile");
                connection = None;
                // What was written to a Redis that was wiped is gone, and its ids begin anew.
                last.clear();
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn connect(source: &Source) -> Result<MultiplexedConnection, String> {
    chassis::redis::connect_reader(source.url.expose_secret(), source.password.as_ref())
        .await
        .map_err(|error| error.to_string())
}

/// Hints of one stream: the stream, the ids that were read, what they say.
type OfStream = (String, Vec<String>, Vec<Hint>);

async fn round(
    reader: &mut MultiplexedConnection,
    shards: &[i16],
    last: &mut HashMap<String, String>,
) -> Result<Vec<OfStream>, String> {
    let streams: Vec<String> = shards.iter().map(|shard| hints::stream(*shard)).collect();
    last.retain(|stream, _| streams.contains(stream));
    let from: Vec<String> = streams
        .iter()
        .map(|stream| last.get(stream).cloned().unwrap_or_else(|| "0".to_owned()))
        .collect();
    let options = StreamReadOptions::default().count(COUNT).block(BLOCK_MS);
    let reply: Option<StreamReadReply> = reader
        .xread_options(&streams, &from, &options)
        .await
        .map_err(|error| error.to_string())?;
    let mut found = Vec::new();
    for key in reply.map(|reply| reply.keys).unwrap_or_default() {
        let ids: Vec<String> = key.ids.iter().map(|entry| entry.id.clone()).collect();
        if let Some(id) = ids.last() {
            last.insert(key.key.clone(), id.clone());
        }
        let hints = key.ids.iter().filter_map(hints::read).collect();
        found.push((key.key, ids, hints));
    }
    Ok(found)
}

/// Removes what was read: the database has the facts.
async fn tidy(redis: &ConnectionManager, found: &[OfStream]) -> Result<(), String> {
    if found.is_empty() {
        return Ok(());
    }
    let mut pipe = redis::pipe();
    for (stream, ids, _) in found {
        pipe.xdel(stream, ids).ignore();
    }
    pipe.exec_async(&mut redis.clone())
        .await
        .map_err(|error| error.to_string())
}

/// The shards that are marked to have more.
async fn more(redis: &ConnectionManager, shards: &[i16]) -> Result<Vec<i16>, String> {
    let mut pipe = redis::pipe();
    for shard in shards {
        pipe.get_del(hints::mark(*shard));
    }
    let marks: Vec<Option<u8>> = pipe
        .query_async(&mut redis.clone())
        .await
        .map_err(|error| error.to_string())?;
    let marked = shards.iter().zip(marks);
    Ok(marked
        .filter(|(_, mark)| mark.is_some())
        .map(|(shard, _)| *shard)
        .collect())
}
