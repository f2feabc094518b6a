//! From a request to an operation of the model.

use std::borrow::Cow;
use std::collections::HashMap;

use aws_model::schema::{OperationSchema, Protocol, ServiceSchema};
use http::Method;
use http::request::Parts;
use percent_encoding::percent_decode_str;

use crate::decode::query_pairs;
use crate::fault::Fault;
use crate::protocol::Message;

/// An operation found, and what the path says.
#[derive(Debug)]
pub(crate) struct Route<'r> {
    pub(crate) operation: &'static OperationSchema,
    /// Decoded labels of the URI template, by their names in it.
    pub(crate) labels: Vec<(&'static str, Cow<'r, str>)>,
}

/// The operations of a service, arranged for look-up.
pub(crate) struct Router {
    schema: &'static ServiceSchema,
    by_name: HashMap<&'static str, &'static OperationSchema>,
    templates: Vec<Template>,
}

/// A URI template, parsed.
struct Template {
    operation: &'static OperationSchema,
    method: Method,
    segments: Vec<Segment>,
    /// A fixed query such as `List=ALL`: of two templates with the same path, the one whose query is there.
    query: Option<(&'static str, &'static str)>,
}

enum Segment {
    Literal(&'static str),
    Label(&'static str),
    /// `{Name+}`: the rest of the path.
    Greedy(&'static str),
}

impl Router {
    pub(crate) fn new(schema: &'static ServiceSchema) -> Self {
        let rest = schema.protocol == Protocol::RestJson1;
        let mut templates: Vec<_> = schema
            .operations
            .iter()
            .filter(|_| rest)
            .map(|operation| Template::new(operation))
            .collect();
        // Literals before labels, fixed queries before none: the most specific template is met first.
        templates.sort_by_key(|template| {
            let labels = template
                .segments
                .iter()
                .filter(|segment| !matches!(segment, Segment::Literal(_)));
            (labels.count(), template.query.is_none())
        });
        Self {
            schema,
            by_name: schema
                .operations
                .iter()
                .map(|operation| (operation.name, *operation))
                .collect(),
            templates,
        }
    }

    pub(crate) fn find<'r>(&self, parts: &'r Parts, message: &Message) -> Result<Route<'r>, Fault> {
        let named = match self.schema.protocol {
            Protocol::RestJson1 => return self.by_path(parts),
            Protocol::AwsJson10 | Protocol::AwsJson11 => self.by_target(parts),
            Protocol::AwsQuery => self.by_action(message),
        };
        named.map(|operation| Route {
            operation,
            labels: Vec::new(),
        })
    }

    fn by_path<'r>(&self, parts: &'r Parts) -> Result<Route<'r>, Fault> {
        let path = parts.uri.path();
        // Older SDKs end collections in a slash, which Lambda ignores.
        let path = path.strip_suffix('/').unwrap_or(path);
        let query = parts.uri.query().unwrap_or_default();
        self.templates
            .iter()
            .filter(|template| template.method == parts.method)
            .find_map(|template| template.matches(path, query))
            .ok_or_else(|| unknown_operation(404))
    }

    fn by_target(&self, parts: &Parts) -> Result<&'static OperationSchema, Fault> {
        parts
            .headers
            .get("x-amz-target")
            .and_then(|target| target.to_str().ok())
            .and_then(|target| target.split_once('.'))
            .filter(|(prefix, _)| *prefix == self.schema.target)
            .and_then(|(_, name)| self.by_name.get(name).copied())
            .ok_or_else(|| unknown_operation(400))
    }

    fn by_action(&self, message: &Message) -> Result<&'static OperationSchema, Fault> {
        let Some(action) = message.parameter("Action") else {
            let text = "The request must contain the parameter Action";
            return Err(Fault::new(400, "MissingAction", text));
        };
        let version = message.parameter("Version").unwrap_or("(no version)");
        self.by_name.get(action).copied().ok_or_else(|| {
            let text = format!("Could not find operation {action} for version {version}");
            Fault::new(400, "InvalidAction", text)
        })
    }
}

/// What AWS's front answers when neither path nor target names an operation.
fn unknown_operation(status: u16) -> Fault {
    let text = "Unable to determine service/operation name to be authorized";
    Fault::new(status, "UnknownOperationException", text)
}

impl Template {
    fn new(operation: &'static OperationSchema) -> Self {
        let (path, query) = match operation.uri.split_once('?') {
            Some((path, query)) => (path, Some(query.split_once('=').unwrap_or((query, "")))),
            None => (operation.uri, None),
        };
        let segments = path
            .split('/')
            .skip(1)
            .filter(|segment| !segment.is_empty())
            .map(|segment| {
                let label = segment
                    .strip_prefix('{')
                    .and_then(|label| label.strip_suffix('}'));
                match label {
                    None => Segment::Literal(segment),
                    Some(label) => label
                        .strip_suffix('+')
                        .map_or(Segment::Label(label), Segment::Greedy),
                }
            })
            .collect();
        let method = match operation.method {
            "GET" => Method::GET,
            "PUT" => Method::PUT,
            "DELETE" => Method::DELETE,
            "PATCH" => Method::PATCH,
            "HEAD" => Method::HEAD,
            _ => Method::POST,
        };
        Self {
            operation,
            method,
            segments,
            query,
        }
    }

    fn matches<'r>(&self, path: &'r str, query: &str) -> Option<Route<'r>> {
        let mut rest = path;
        let mut labels = Vec::new();
        for segment in &self.segments {
            let inner = rest.strip_prefix('/')?;
            let end = inner.find('/').unwrap_or(inner.len());
            match segment {
                Segment::Literal(literal) if inner[..end] != **literal => return None,
                Segment::Literal(_) => rest = &inner[end..],
                Segment::Label(name) => {
                    labels.push((*name, label(&inner[..end])?));
                    rest = &inner[end..];
                }
                Segment::Greedy(name) => {
                    labels.push((*name, label(inner)?));
                    rest = "";
                }
            }
        }
        let complete = rest.is_empty() && self.query_matches(query);
        complete.then_some(Route {
            operation: self.operation,
            labels,
        })
    }

    fn query_matches(&self, query: &str) -> bool {
        self.query.is_none_or(|(name, value)| {
            query_pairs(query).any(|(key, given)| key == name && given == value)
        })
    }
}

/// A label's decoded text. An empty one names nothing, and undecodable bytes match no template.
fn label(raw: &str) -> Option<Cow<'_, str>> {
    if raw.is_empty() {
        return None;
    }
    percent_decode_str(raw).decode_utf8().ok()
}
