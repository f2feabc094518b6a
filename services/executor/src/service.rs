//! The executor's gRPC service, its start and its end.

use std::sync::Arc;
use std::time::Duration;

use chassis::Lifecycle;
use domain::FunctionSpec;
use rpc::executor::{
    CancelReply, CancelRequest, Executor, ExecutorServer, InvokeReply, InvokeRequest, Rooms,
    RunningReply, RunningRequest, Settling, WatchRequest,
};
use rpc::transport::MESSAGE_BYTES_MAX;
use secrecy::{ExposeSecret as _, SecretString};
use store::events::Author;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tonic::metadata::MetadataValue;
use tonic::{Request, Response, Status};
use tracing::Instrument as _;

use crate::code::{CACHE_BYTES_MAX, CodeCache};
use crate::environment::{Event, Job};
use crate::events::{Refused, Running, Settler, Work};
use crate::load::Load;
use crate::logs::Logs;
use crate::measures::Measures;
use crate::options::{Options, default_memory_mb};
use crate::pool::{Parked, Parts, Pool};
use crate::prices::Prices;
use crate::registry::{self, Announcement};
use crate::runtimes::Runtimes;
use crate::sandbox::{self, Isolation, Sandboxes};
use crate::specs::Specs;
use crate::spool::{self, Spool};

/// Gateways see changes of the room at most this often.
const ROOM_PERIOD_MIN: Duration = Duration::from_millis(20);
/// And at least this often.
const ROOM_PERIOD_MAX: Duration = Duration::from_secs(1);

/// What keeps an executor from starting.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("sandboxes: {0}")]
    Sandbox(#[from] sandbox::Error),
    #[error("code cache: {0}")]
    Code(#[from] crate::code::Error),
    #[error("metering spool: {0}")]
    Spool(#[from] spool::Error),
}

/// The object that answers `Invoke` and `Watch`. Cheap to clone.
#[derive(Clone)]
pub struct Service(Arc<Shared>);

struct Shared {
    pool: Pool,
    specs: Specs,
    running: Running,
    life: Lifecycle,
}

/// A started executor.
pub struct Handle {
    service: Service,
    spool: Spool,
    logs: Logs,
    secret: Option<SecretString>,
}

/// Starts an executor: its sandboxes, its spool (recovering what an earlier process left), its pool.
pub async fn start(options: Options, life: &Lifecycle) -> Result<Handle, Error> {
    let parts = parts(&options, life).await?;
    let (spool, logs) = (parts.spool.clone(), parts.logs.clone());
    let (runtimes, drain) = (parts.runtimes.clone(), life.drain().clone());
    // Work of the first start only. Whoever comes first, this or a function, the other waits for it.
    life.spawn("prepare runtimes", async move {
        tokio::select! {
            () = runtimes.install() => {}
            () = drain.cancelled() => {}
        }
    });
    // A parked runtime gets its code by a mount, which only a container has.
    let parked_runtimes = match options.isolation {
        Isolation::Container => options.parked_runtimes,
        Isolation::Process => 0,
    };
    let parked = Parked::start(
        parked_runtimes,
        parts.sandboxes.clone(),
        parts.runtimes.clone(),
        Arc::clone(&parts.measures),
        life,
    );
    let memory_mb_max = options.memory_mb_max.unwrap_or_else(default_memory_mb);
    let pool = Pool::new(parts, parked, memory_mb_max);
    let secret = options.cluster.map(|cluster| {
        let announcement = Announcement {
            id: spool.executor_id().to_string(),
            addr: cluster.advertise,
            boot_epoch: spool.boot_epoch(),
            isolation: options.isolation.to_string(),
        };
        registry::announce(cluster.redis, &announcement, life);
        cluster.secret
    });
    let service = Service(Arc::new(Shared {
        pool,
        specs: Specs::default(),
        running: Running::default(),
        life: life.clone(),
    }));
    let handle = Handle {
        service,
        spool,
        logs,
        secret,
    };
    handle.drain_with(life);
    Ok(handle)
}

async fn parts(options: &Options, life: &Lifecycle) -> Result<Parts, Error> {
    let dir = &options.data_dir;
    let mut walls = sandbox::Options::new(
        options.program.clone(),
        dir.join("sandboxes"),
        options.isolation,
    );
    walls.parked_shells = PARKED_SHELLS;
    let gateway = options.gateway.clone();
    walls.gateway_name = gateway.as_ref().map(|gateway| gateway.host().to_owned());
    walls.egress = options.egress.clone();
    let sandboxes = Sandboxes::start(walls, life).await?;
    let prices = Prices::start(options.store.clone(), life).await;
    let spool = Spool::open(
        spool::Options::new(dir.join("spool")),
        options.store.clone(),
        prices.clone(),
        options.clock.clone(),
        life,
    )
    .await?;
    let author = Author {
        executor: spool.executor_id(),
        boot_epoch: spool.boot_epoch(),
    };
    Ok(Parts {
        executor_id: spool.executor_id().to_string(),
        settler: Settler::start(options.store.clone(), author, options.clock.clone(), life),
        load: Load::start(life),
        sandboxes,
        runtimes: Runtimes::discover(&dir.join("runtimes"), &options.interpreters).await,
        code: CodeCache::open(dir, options.blobs.clone(), CACHE_BYTES_MAX).await?,
        spool,
        prices,
        logs: Logs::start(options.store.clone(), life),
        clock: options.clock.clone(),
        host_clock: options.host_clock.clone(),
        ids: options.ids,
        life: life.clone(),
        measures: Arc::new(Measures::new()),
        idle_ttl: options.idle_ttl,
        gateway,
    })
}

impl Handle {
    /// The service object, for a gateway in the same process.
    pub fn service(&self) -> Service {
        self.service.clone()
    }

    /// Names this executor in usage and in the registry.
    pub fn id(&self) -> String {
        self.service.0.pool.parts().executor_id.clone()
    }

    /// One sentence for `/health`: how functions are kept apart and what can run.
    pub fn describe(&self) -> String {
        let parts = self.service.0.pool.parts();
        let runtimes: Vec<&str> = parts
            .runtimes
            .list()
            .map(|runtime| runtime.name())
            .collect();
        format!(
            "{} isolation, {} environments, runtimes {}",
            parts.sandboxes.isolation(),
            self.live(),
            runtimes.join(", ")
        )
    }

    /// Identifiers of the runtimes that functions may use here.
    pub fn runtimes(&self) -> impl Iterator<Item = &str> {
        self.service.0.pool.parts().runtimes.identifiers()
    }

    /// Environments that are not gone yet.
    pub fn live(&self) -> usize {
        self.service.0.pool.live()
    }

    /// Serves gRPC to gateways elsewhere until the drain. Callers prove themselves with the cluster's secret; without one
    /// configured nobody is let in.
    pub async fn serve(&self, listener: TcpListener) -> Result<(), tonic::transport::Error> {
        let secret = self.secret.clone();
        let server = ExecutorServer::new(self.service())
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let guarded = tonic::service::interceptor::InterceptedService::new(
            server,
            move |request: Request<()>| authorize(secret.as_ref(), request),
        );
        let incoming =
            tonic::transport::server::TcpIncoming::from(listener).with_nodelay(Some(true));
        let drain = self.service.0.life.drain().clone();
        tonic::transport::Server::builder()
            .add_service(guarded)
            .serve_with_incoming_shutdown(incoming, drain.cancelled_owned())
            .await
    }

    #[cfg(test)]
    pub(crate) fn pool(&self) -> &Pool {
        &self.service.0.pool
    }

    /// On drain: nothing new, what runs ends, then the last records and lines leave.
    fn drain_with(&self, life: &Lifecycle) {
        let (pool, spool, logs) = (
            self.service.0.pool.clone(),
            self.spool.clone(),
            self.logs.clone(),
        );
        let life_ = life.clone();
        life.spawn("drain executor", async move {
            life_.drain().cancelled().await;
            pool.drain().await;
            tokio::join!(spool.flush(), logs.finish());
        });
    }
}

/// Sandboxes kept empty and ready for a program.
const PARKED_SHELLS: usize = 2;

fn authorize(secret: Option<&SecretString>, request: Request<()>) -> Result<Request<()>, Status> {
    let given = request
        .metadata()
        .get("authorization")
        .map(MetadataValue::as_bytes);
    let given = given
        .and_then(|value| value.strip_prefix(b"Bearer "))
        .unwrap_or_default();
    match secret {
        Some(secret) if same(secret.expose_secret().as_bytes(), given) => Ok(request),
        _ => Err(Status::unauthenticated(
            "the cluster's secret is missing or wrong",
        )),
    }
}

/// Compares in a time that tells nothing of where the two differ.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && !a.is_empty() && a.iter().zip(b).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

#[tonic::async_trait]
impl Executor for Service {
    async fn invoke(
        &self,
        request: Request<InvokeRequest>,
    ) -> Result<Response<InvokeReply>, Status> {
        let started = self.start(request.into_inner())?;
        let answer = started.answer.instrument(started.span).await;
        answered(answer).map(Response::new)
    }

    type WorkStream = Settling;

    async fn work(
        &self,
        request: Request<InvokeRequest>,
    ) -> Result<Response<Self::WorkStream>, Status> {
        let request = request.into_inner();
        if request.work.is_none() {
            return Err(Status::invalid_argument("this is no event of the queue"));
        }
        let Started {
            mut answer,
            ended,
            span,
        } = self.start(request)?;
        let settled = async {
            tokio::select! {
                biased;
                // It did not run.
                answer = &mut answer => Some(answered(answer)),
                _ = ended => None,
            }
        };
        if let Some(reply) = settled.instrument(span).await {
            let reply = reply?;
            return Ok(Response::new(Box::pin(futures::stream::iter([Ok(reply)]))));
        }
        let settled = futures::stream::once(async move { answered(answer.await) });
        Ok(Response::new(Box::pin(settled)))
    }

    async fn running(&self, _: Request<RunningRequest>) -> Result<Response<RunningReply>, Status> {
        let spool = &self.0.pool.parts().spool;
        Ok(Response::new(RunningReply {
            executor_id: spool.executor_id().to_string(),
            boot_epoch: spool.boot_epoch(),
            events: self.0.running.list(),
        }))
    }

    async fn cancel(
        &self,
        request: Request<CancelRequest>,
    ) -> Result<Response<CancelReply>, Status> {
        let request = request.into_inner();
        let (Ok(event), Ok(account)) = (request.request_id.parse(), request.account.parse()) else {
            return Err(Status::invalid_argument("request_id or account is not one"));
        };
        let running = self.0.running.cancel(event, account);
        Ok(Response::new(CancelReply { running }))
    }

    type WatchStream = Rooms;

    async fn watch(&self, _: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let (pool, drain) = (self.0.pool.clone(), self.0.life.drain().clone());
        let changes = pool.changes();
        let rooms = futures::stream::unfold(Some((pool, changes, true)), move |state| {
            let drain = drain.clone();
            async move {
                let (pool, mut changes, first) = state?;
                if !first {
                    tokio::time::sleep(ROOM_PERIOD_MIN).await;
                    tokio::select! {
                        _ = changes.changed() => {}
                        () = drain.cancelled() => {}
                        () = tokio::time::sleep(ROOM_PERIOD_MAX) => {}
                    }
                }
                changes.mark_unchanged();
                let mut room = pool.snapshot();
                room.draining |= drain.is_cancelled();
                // The last word is that nothing more is taken; an open stream would keep the server from ending.
                let next = (!room.draining).then_some((pool, changes, false));
                Some((Ok(room), next))
            }
        });
        Ok(Response::new(Box::pin(rooms)))
    }
}

/// A job on its way.
struct Started {
    answer: oneshot::Receiver<Answer>,
    /// Told when the function of an event has ended.
    ended: oneshot::Receiver<()>,
    span: tracing::Span,
}

type Answer = Result<InvokeReply, Status>;

fn answered(answer: Result<Answer, oneshot::error::RecvError>) -> Answer {
    // Not "unavailable": it may have run.
    answer.unwrap_or_else(|_| Err(Status::internal("executor is stopping")))
}

impl Service {
    fn start(&self, request: InvokeRequest) -> Result<Started, Status> {
        if self.0.life.drain().is_cancelled() {
            return Err(Status::unavailable("executor is draining"));
        }
        let spec = self.spec(&request)?;
        let span = tracing::info_span!(
            "invoke",
            function.arn = %request.invoked_function_arn,
            request.id = %request.request_id,
        );
        if !request.traceparent.is_empty() {
            chassis::telemetry::set_parent(&span, &request.traceparent);
        }
        let (reply, answer) = oneshot::channel();
        let (over, ended) = oneshot::channel();
        let job = self.job(request, spec, span.clone(), (reply, over))?;
        self.0.pool.submit(job);
        Ok(Started {
            answer,
            ended,
            span,
        })
    }

    fn spec(&self, request: &InvokeRequest) -> Result<Arc<FunctionSpec>, Status> {
        if let Some(known) = self.0.specs.get(&request.spec_id) {
            return Ok(known);
        }
        let Some(sent) = request.spec.clone() else {
            return Err(Status::failed_precondition("spec unknown"));
        };
        let spec = FunctionSpec::try_from(sent)
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        if spec.spec_id != request.spec_id {
            return Err(Status::invalid_argument("spec_id is not that of the spec"));
        }
        let spec = Arc::new(spec);
        self.0.specs.insert(Arc::clone(&spec));
        if let Some(before) = self.0.pool.supersede(&spec) {
            // When it comes back, it has to be noticed again.
            self.0.specs.forget(&before);
        }
        Ok(spec)
    }

    fn job(
        &self,
        request: InvokeRequest,
        spec: Arc<FunctionSpec>,
        span: tracing::Span,
        (reply, ended): (oneshot::Sender<Answer>, oneshot::Sender<()>),
    ) -> Result<Job, Status> {
        let request_id = request.request_id.parse();
        let request_id =
            request_id.map_err(|_| Status::invalid_argument("request_id is not a UUID"))?;
        let event = request
            .work
            .map(|work| {
                let work = Work::read(request_id, request.attempt, work)?;
                self.event(work, &spec, ended)
            })
            .transpose()?;
        Ok(Job {
            request_id,
            attempt: request.attempt,
            spec,
            invoked_function_arn: request.invoked_function_arn,
            trace: match &event {
                Some(_) => request.trace_id.clone(),
                None => String::new(),
            },
            trace_id: request.trace_id,
            client_context: request.client_context,
            payload: request.payload,
            tail: request.tail,
            span,
            event,
            reply,
        })
    }

    fn event(
        &self,
        work: Work,
        spec: &FunctionSpec,
        ended: oneshot::Sender<()>,
    ) -> Result<Event, Status> {
        let claim = self.0.running.claim(&work, spec.account);
        match claim {
            Ok(claim) => Ok(Event { work, claim, ended }),
            Err(Refused::Here) => Err(Status::already_exists("this attempt is here already")),
            Err(Refused::OutOfDate) => Err(Status::aborted(
                "a later owner of the shard has spoken: this one is out of date",
            )),
        }
    }
}
