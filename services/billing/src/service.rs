//! Putting a service together.

use chassis::Lifecycle;
use chrono::TimeDelta;
use tokio::sync::watch;

use crate::options::Options;
use crate::round::{Rounds, Status};

/// How often is looked for what is due, in the platform's time: a clock that is moved wakes the loop at once.
const PERIOD: TimeDelta = TimeDelta::seconds(5);

/// Why billing did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// A running service.
pub struct Handle {
    status: watch::Receiver<Status>,
}

impl Handle {
    /// One sentence for `/health`.
    pub fn describe(&self) -> String {
        self.status.borrow().to_string()
    }

    #[cfg(test)]
    pub(crate) fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }
}

/// Starts a service.
pub async fn start(options: Options, life: &Lifecycle) -> Result<Handle, Error> {
    // The first thing that can fail, and the sign that the schema is there.
    options.store.set_issuer(&options.issuer).await?;
    let (says, status) = watch::channel(Status::default());
    let (clock, drain) = (options.clock.clone(), life.drain().clone());
    let mut rounds = Rounds::new(
        options.store,
        options.clock,
        options.settling,
        drain.clone(),
    );
    life.spawn_critical("billing", async move {
        loop {
            let status = rounds.round().await;
            says.send_replace(status);
            tokio::select! {
                () = clock.sleep(PERIOD) => {}
                () = drain.cancelled() => return Ok::<(), std::convert::Infallible>(()),
            }
        }
    });
    Ok(Handle { status })
}
