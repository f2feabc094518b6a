//! The static tables that describe services, operations and shapes. Types and their constructors only: `wire` gives them
//! meaning.

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
    /// The name in a `SigV4` credential scope: `lambda`, `iam`, `sts`, `logs`, `scheduler`, `events`, `ce`, ….
    pub signing_name: &'static str,
    pub protocol: Protocol,
    /// `X-Amz-Target` prefix of JSON protocols, XML namespace of Query; empty otherwise.
    pub target: &'static str,
    /// `Version` of Query requests.
    pub api_version: &'static str,
    /// Code of the error for inputs that break a constraint.
    pub invalid: &'static str,
    /// Sorted by name.
    pub operations: &'static [&'static OperationSchema],
    /// Sorted by code.
    pub errors: &'static [ErrorSchema],
}

/// An error of a service's model.
#[derive(Debug)]
pub struct ErrorSchema {
    /// As clients see it: the shape's name, or its `code` in Query services.
    pub code: &'static str,
    /// HTTP status.
    pub status: u16,
    /// How the model spells the member that carries the text: `message` or `Message`.
    pub message: &'static str,
    /// Whether the shape has Lambda's `Type` member: `User` or `Service`.
    pub typed: bool,
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
    /// `None` where the model has no input, and for operations whose shapes are not generated.
    pub input: Option<&'static Shape>,
    pub output: Option<&'static Shape>,
}

impl OperationSchema {
    /// An operation at a method and URI template.
    pub const fn rest(
        name: &'static str,
        method: &'static str,
        uri: &'static str,
        ok: u16,
    ) -> Self {
        Self {
            name,
            method,
            uri,
            ok,
            input: None,
            output: None,
        }
    }

    /// An operation that is named in a header or in the body.
    pub const fn rpc(name: &'static str) -> Self {
        Self::rest(name, "POST", "/", 200)
    }

    #[must_use]
    pub const fn input(mut self, shape: &'static Shape) -> Self {
        self.input = Some(shape);
        self
    }

    #[must_use]
    pub const fn output(mut self, shape: &'static Shape) -> Self {
        self.output = Some(shape);
        self
    }
}

/// A shape with its constraints.
#[derive(Debug)]
pub enum Shape {
    Structure(&'static [Member]),
    List(&'static Shape, Length),
    /// Key, value, number of entries.
    Map(&'static Shape, &'static Shape, Length),
    /// Length in characters.
    String(Length, Option<Pattern>),
    Enum(&'static [&'static str]),
    Integer(Range),
    Long(Range),
    Float(f64, f64),
    Boolean,
    /// Length in bytes.
    Blob(Length),
    Timestamp,
}

/// Inclusive bounds of a length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Length {
    pub min: u64,
    pub max: u64,
}

impl Length {
    pub const ANY: Self = Self::new(0, u64::MAX);

    pub const fn new(min: u64, max: u64) -> Self {
        Self { min, max }
    }
}

/// Inclusive bounds of an integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    pub min: i64,
    pub max: i64,
}

impl Range {
    pub const ANY: Self = Self::new(i64::MIN, i64::MAX);

    pub const fn new(min: i64, max: i64) -> Self {
        Self { min, max }
    }
}

/// A pattern that a whole string must match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pattern {
    /// As in the model: quoted in AWS's error text.
    pub text: &'static str,
    /// The same language in the syntax of the `regex` crate, not anchored.
    pub regex: &'static str,
    /// Where the service does not quote the pattern: the sentence that follows "The specified value for x is invalid."
    pub sentence: Option<&'static str>,
}

impl Pattern {
    /// A pattern whose text both dialects read alike.
    pub const fn new(text: &'static str) -> Self {
        Self::translated(text, text)
    }

    pub const fn translated(text: &'static str, regex: &'static str) -> Self {
        Self {
            text,
            regex,
            sentence: None,
        }
    }

    #[must_use]
    pub const fn sentence(mut self, sentence: &'static str) -> Self {
        self.sentence = Some(sentence);
        self
    }
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
    /// Its value must not be quoted in errors or logs.
    pub sensitive: bool,
    pub shape: &'static Shape,
}

impl Member {
    /// A member that travels in the body under its own name.
    pub const fn new(name: &'static str, shape: &'static Shape) -> Self {
        Self {
            name,
            wire_name: name,
            location: Location::Body,
            required: false,
            sensitive: false,
            shape,
        }
    }

    #[must_use]
    pub const fn at(mut self, location: Location, wire_name: &'static str) -> Self {
        self.location = location;
        self.wire_name = wire_name;
        self
    }

    #[must_use]
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    #[must_use]
    pub const fn sensitive(mut self) -> Self {
        self.sensitive = true;
        self
    }
}
