//! Operations bound to handlers.

use std::collections::HashMap;
use std::pin::Pin;

use aws_model::schema::{Operation, OperationSchema, ServiceSchema};
use bytes::Bytes;
use http::{Request, Response};
use serde_json::Value;

use crate::check;
use crate::decode::Undecodable;
use crate::fault::Fault;
use crate::protocol::Protocol;
use crate::route::Router;
use crate::sigv4::SigError;

type Answer = Pin<Box<dyn Future<Output = Result<Value, Fault>> + Send>>;
type Handler<C> = Box<dyn Fn(C, Value) -> Result<Answer, Undecodable> + Send + Sync>;

/// A service of a model, with the handlers of those operations that we implement.
///
/// `C` is the caller's context, handed to the handler.
pub struct Service<C> {
    schema: &'static ServiceSchema,
    protocol: Protocol,
    router: Router,
    handlers: HashMap<&'static str, Handler<C>>,
}

impl<C: Clone + Send + Sync + 'static> Service<C> {
    /// A service without handlers: every operation of the model answers that it is not implemented.
    pub fn new(schema: &'static ServiceSchema) -> Self {
        Self {
            schema,
            protocol: Protocol::new(schema),
            router: Router::new(schema),
            handlers: HashMap::new(),
        }
    }

    /// Binds an operation to its handler: `.bind(CreateAlias, aliases::create)`.
    #[must_use]
    pub fn bind<O, F, Fut>(mut self, _operation: O, handler: F) -> Self
    where
        O: Operation,
        F: Fn(C, O::Input) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<O::Output, Fault>> + Send + 'static,
    {
        let call = move |context: C, input: Value| {
            let input = serde_json::from_value::<O::Input>(input).map_err(Undecodable::from)?;
            let answer = handler(context, input);
            let encoded = async move {
                let output = answer.await?;
                serde_json::to_value(output).map_err(|_| Fault::internal())
            };
            Ok::<Answer, _>(Box::pin(encoded))
        };
        self.handlers.insert(O::SCHEMA.name, Box::new(call));
        self
    }

    /// The model that this service speaks.
    pub fn schema(&self) -> &'static ServiceSchema {
        self.schema
    }

    /// Serves one request, whose sender has been authenticated: finds the operation, decodes and checks its input, calls
    /// the handler, and encodes what it answers.
    pub async fn serve(
        &self,
        context: C,
        request_id: &str,
        request: Request<Bytes>,
    ) -> Response<Bytes> {
        let outcome = self.call(context, request).await;
        match outcome {
            Ok((operation, output)) => self.protocol.output(operation, output, request_id),
            Err(fault) => self.fault(&fault, request_id),
        }
    }

    /// Encodes a fault in this service's protocol.
    pub fn fault(&self, fault: &Fault, request_id: &str) -> Response<Bytes> {
        self.protocol.fault(fault, request_id)
    }

    /// Encodes the refusal of a signature in this service's protocol.
    pub fn signature_fault(&self, error: &SigError, request_id: &str) -> Response<Bytes> {
        self.fault(&error.fault(self.schema.protocol), request_id)
    }

    async fn call(
        &self,
        context: C,
        request: Request<Bytes>,
    ) -> Result<(&'static OperationSchema, Value), Fault> {
        let (parts, body) = request.into_parts();
        let message = self.protocol.read(&parts, body)?;
        let route = self.router.find(&parts, &message)?;
        let operation = route.operation;
        let Some(handler) = self.handlers.get(operation.name) else {
            return Err(self.not_implemented(operation));
        };
        let undecodable = |error| self.protocol.undecodable(&error);
        let input = self
            .protocol
            .input(&route, &parts, &message)
            .map_err(undecodable)?;
        check::input(self.schema, operation, &input)?;
        let answer = handler(context, input).map_err(undecodable)?;
        Ok((operation, answer.await?))
    }

    /// For operations that AWS has and we do not: 501 tells SDKs not to retry.
    fn not_implemented(&self, operation: &OperationSchema) -> Fault {
        let text = format!(
            "The operation {} of {} is not implemented.",
            operation.name, self.schema.signing_name
        );
        Fault::new(501, "NotImplementedException", text)
    }
}
