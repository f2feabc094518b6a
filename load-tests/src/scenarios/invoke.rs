//! Synchronous invocations: warm and cold against bare floors, what an idle platform costs, and emulators beside it.

pub(crate) mod cold;
pub(crate) mod emulators;
pub(crate) mod idle;
pub(crate) mod sandbox;
pub(crate) mod warm;

use std::time::Duration;

use anyhow::Result;

use crate::bench::Bench;
use crate::functions::Functions;
use crate::platform::Platform;
use crate::report::{Measured, Row};

/// All of it, on one platform of its own.
pub(crate) async fn measure(bench: &Bench) -> Result<Measured> {
    let (seconds, rounds) = bench.sized((8, 25), (1, 5));
    let time = Duration::from_secs(seconds);
    let mut platform = Platform::start(&bench.tollgate).await?;
    let functions = Functions::prepare(&bench.repository, &bench.work, &platform.dir).await?;
    let mut measured = Measured::default();
    let mut add = |what: &str, rows: Result<Vec<Row>>| match rows {
        Ok(rows) => measured.rows.extend(rows),
        Err(error) => measured.missing.push(format!("{what}: {error:#}")),
    };
    // After its first start's own work, before anything ran: warm environments belong to functions.
    platform.restart(&bench.tollgate).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    add("idle", idle::measure(&platform, time * 2).await);
    add("warm", warm::measure(&platform, &functions, time).await);
    let sandbox = sandbox::measure(&bench.tollgate, &bench.work, rounds * 2).await;
    add("sandbox", sandbox.map(|row| vec![row]));
    let pause = Duration::from_millis(700);
    let sporadic = cold::one_by_one(&platform, &functions, rounds, pause, "sporadic").await;
    add("cold", sporadic.map(|row| vec![row]));
    let plain = cold::without_parked(&platform, &functions, rounds).await;
    add("cold, nothing prepared", plain.map(|row| vec![row]));
    let at_once = cold::at_once(&platform, &functions).await;
    add("20 at once", at_once.map(|row| vec![row]));
    if bench.peers {
        let mut missing = Vec::new();
        let rows = emulators::measure(&platform, &functions, &bench.work, time, &mut missing).await;
        add("peers", rows);
        measured.missing.extend(missing);
    }
    Ok(measured)
}
