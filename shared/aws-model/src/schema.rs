//! The static tables that describe services, operations and shapes. Types only: `wire` gives them meaning.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// An operation of a service: implemented by generated unit structs.
pub trait Operation: Send + Sync + 'static {
    const SCHEMA: &'static OperationSchema;
    type Input: DeserializeOwned + Send + 'static;
    type Output: Serialize + Send + 'static;
}

/// How a service is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    RestJson1,
    AwsJson10,
    AwsJson11,
    AwsQuery,
}

/// A service and all operations that its model routes, bound or not.
#[derive(Debug)]
pub struct ServiceSchema {
    /// The name in a `SigV4` credential scope: `lambda`, `iam`, `sts`, `logs`.
    pub signing_name: &'static str,
    pub protocol: Protocol,
    /// `X-Amz-Target` prefix of JSON protocols, XML namespace of Query; empty otherwise.
    pub target: &'static str,
    /// `Version` of Query requests.
    pub api_version: &'static str,
    pub operations: &'static [&'static OperationSchema],
}

/// One operation.
#[derive(Debug)]
pub struct OperationSchema {
    pub name: &'static str,
    pub method: &'static str,
    /// URI template such as `/2015-03-31/functions/{FunctionName}/aliases/{Name}`; may end in a fixed query.
    pub uri: &'static str,
    /// Status of success.
    pub ok: u16,
    /// `None` for operations whose shapes are not generated: answered "not implemented".
    pub input: Option<&'static Shape>,
    pub output: Option<&'static Shape>,
}

/// A shape with its constraints.
#[derive(Debug)]
pub enum Shape {
    Structure {
        name: &'static str,
        members: &'static [Member],
    },
    List {
        member: &'static Shape,
        min: Option<u64>,
        max: Option<u64>,
        flattened: bool,
        element: &'static str,
    },
    Map {
        key: &'static Shape,
        value: &'static Shape,
        max: Option<u64>,
    },
    String {
        min: Option<u64>,
        max: Option<u64>,
        pattern: Option<&'static str>,
    },
    Enum {
        values: &'static [&'static str],
    },
    Integer {
        min: Option<i64>,
        max: Option<i64>,
    },
    Long {
        min: Option<i64>,
        max: Option<i64>,
    },
    Float {
        min: Option<f64>,
        max: Option<f64>,
    },
    Boolean,
    Blob {
        max: Option<u64>,
    },
    Timestamp,
}

/// Where a member travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Location {
    Body,
    Uri,
    Query,
    Header,
    /// Header prefix of a map.
    Headers,
    StatusCode,
    /// The whole body.
    Payload,
}

/// A member of a structure.
#[derive(Debug)]
pub struct Member {
    /// Name in the model and in JSON bodies.
    pub name: &'static str,
    /// Name where it travels: header, query key, label or Query parameter.
    pub wire_name: &'static str,
    pub location: Location,
    pub required: bool,
    pub shape: &'static Shape,
}
