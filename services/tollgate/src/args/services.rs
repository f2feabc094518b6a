//! Services that have nothing to set but where they answer.

use std::net::SocketAddr;

use clap::Args;

use super::{Given, Place, Urls};

#[derive(Debug, Args)]
pub(crate) struct QueueService {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) urls: Urls,
    /// Address to answer /health and /metrics on [default: 127.0.0.1:9413]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) health_listen: Option<SocketAddr>,
}

#[derive(Debug, Args)]
pub(crate) struct SchedulerService {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) urls: Urls,
    /// Address to answer /health and /metrics on [default: 127.0.0.1:9414]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) health_listen: Option<SocketAddr>,
}

#[derive(Debug, Args)]
pub(crate) struct BillingService {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) urls: Urls,
    /// Address to answer /health and /metrics on [default: 127.0.0.1:9415]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) health_listen: Option<SocketAddr>,
}

impl QueueService {
    pub(crate) fn given(&self) -> Given {
        Given::default().place(&self.place).urls(&self.urls).set(
            "--health-listen",
            "queue.health_listen",
            self.health_listen.as_ref(),
        )
    }
}

impl SchedulerService {
    pub(crate) fn given(&self) -> Given {
        Given::default().place(&self.place).urls(&self.urls).set(
            "--health-listen",
            "scheduler.health_listen",
            self.health_listen.as_ref(),
        )
    }
}

impl BillingService {
    pub(crate) fn given(&self) -> Given {
        Given::default().place(&self.place).urls(&self.urls).set(
            "--health-listen",
            "billing.health_listen",
            self.health_listen.as_ref(),
        )
    }
}
