//! Configuration in layers: defaults, a file, the environment, flags; the later wins.
//!
//! A service describes its keys as serde structs (a struct per concern) whose `Default` is the first layer; serialized, the
//! defaults are also the list of keys that exist. Every other layer is checked against that list, so a misspelt key is
//! refused with the place where it was found instead of being ignored. A key `database.url_file` is written
//!
//! - in the file as `url_file` under `[database]`,
//! - in the environment as `TOLLGATE_DATABASE_URL_FILE`,
//! - and, where the command line has a flag for it, as the caller says.

use std::fmt;
use std::path::{Path, PathBuf};

use figment::error::Kind;
use figment::providers::{Format, Serialized, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Error as FigmentError, Figment, Metadata, Profile, Provider};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Every variable of ours in the environment begins so.
pub const ENVIRONMENT_PREFIX: &str = "TOLLGATE_";

/// Why a configuration is refused: one sentence that names the key and where its value came from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Error(pub String);

/// Where the layers above the defaults come from.
#[derive(Debug, Default)]
pub struct Sources {
    /// The configuration file. It must exist.
    pub file: Option<PathBuf>,
    /// The process' environment; variables without our prefix are passed over.
    pub environment: Vec<(String, String)>,
    /// Variables with our prefix that are not configuration keys (secrets, for instance), without the prefix. One that ends in
    /// `*` stands for all that begin so.
    pub other_variables: &'static [&'static str],
    /// What the command line says.
    pub flags: Vec<Flag>,
}

/// One value given on the command line.
#[derive(Debug, Clone)]
pub struct Flag {
    /// As typed, such as `--listen`.
    pub name: &'static str,
    /// The key it sets, such as `gateway.listen`.
    pub key: &'static str,
    pub value: Value,
}

/// A configuration and what is known about where its values came from.
#[derive(Debug)]
pub struct Loaded<T> {
    pub config: T,
    figment: Figment,
}

impl<T> Loaded<T> {
    /// Where the value of `key` came from, for a sentence: `--listen`, `TOLLGATE_GATEWAY_LISTEN`, `tollgate.toml` or
    /// `the default`.
    pub fn source(&self, key: &str) -> String {
        source_of(self.figment.find_metadata(key))
    }

    /// Whether `key` was set by any layer above the defaults.
    pub fn is_set(&self, key: &str) -> bool {
        self.source(key) != DEFAULT_SOURCE
    }
}

const DEFAULT_SOURCE: &str = "the default";

/// Reads the layers into `T`.
pub fn load<T>(sources: Sources) -> Result<Loaded<T>, Error>
where
    T: Serialize + DeserializeOwned + Default,
{
    let defaults = Value::serialize(T::default()).map_err(|error| Error(error.to_string()))?;
    let keys = Keys::of(&defaults);
    let mut figment = Figment::from(Named {
        name: DEFAULT_SOURCE.to_owned(),
        values: Serialized::defaults(T::default())
            .data()
            .map_err(|error| sentence(&error))?,
    });
    if let Some(file) = &sources.file {
        figment = figment.merge(read_file(file, &keys)?);
    }
    for (name, text) in &sources.environment {
        let Some(rest) = name.strip_prefix(ENVIRONMENT_PREFIX) else {
            continue;
        };
        let other = |known: &&str| match known.strip_suffix('*') {
            Some(prefix) => rest.starts_with(prefix),
            None => rest == *known,
        };
        if sources.other_variables.iter().any(other) {
            continue;
        }
        let key = keys
            .of_variable(rest)
            .ok_or_else(|| unknown(name, "the environment", keys.nearest_variable(rest)))?;
        figment = figment.merge(Named::one(name.clone(), &key.path, key.read(text)));
    }
    for flag in sources.flags {
        figment = figment.merge(Named::one(flag.name.to_owned(), flag.key, flag.value));
    }
    let config = figment.extract().map_err(|error| sentence(&error))?;
    Ok(Loaded { config, figment })
}

/// A layer with a name for people.
struct Named {
    name: String,
    values: Map<Profile, Dict>,
}

impl Named {
    fn one(name: String, key: &str, value: Value) -> Self {
        Self {
            name,
            values: Map::from([(Profile::Default, nested(key, value))]),
        }
    }
}

impl Provider for Named {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, FigmentError> {
        Ok(self.values.clone())
    }
}

/// `a.b` and a value as `{a: {b: value}}`.
fn nested(key: &str, value: Value) -> Dict {
    match key.split_once('.') {
        None => Dict::from([(key.to_owned(), value)]),
        Some((head, rest)) => Dict::from([(head.to_owned(), Value::from(nested(rest, value)))]),
    }
}

fn read_file(path: &Path, keys: &Keys) -> Result<Named, Error> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Error(format!(
            "The configuration file {} cannot be read: {error}.",
            path.display()
        ))
    })?;
    let name = path.display().to_string();
    let values = Toml::string(&text)
        .data()
        .map_err(|error| Error(format!("{name} is not valid TOML: {error}")))?;
    for table in values.values() {
        keys.check(table, "", &name)?;
    }
    Ok(Named { name, values })
}

/// The keys that exist.
struct Keys(Vec<Key>);

struct Key {
    path: String,
    default: Value,
}

impl Keys {
    fn of(defaults: &Value) -> Self {
        let mut keys = Vec::new();
        collect(defaults, "", &mut keys);
        Self(keys)
    }

    fn of_variable(&self, rest: &str) -> Option<&Key> {
        self.0.iter().find(|key| key.variable() == rest)
    }

    fn nearest_variable(&self, rest: &str) -> Option<String> {
        let names = self.0.iter().map(Key::variable);
        nearest(names, rest).map(|name| format!("{ENVIRONMENT_PREFIX}{name}"))
    }

    /// Refuses keys of `table` that do not exist.
    fn check(&self, table: &Dict, prefix: &str, source: &str) -> Result<(), Error> {
        for (name, value) in table {
            let path = join(prefix, name);
            let is_section = self.0.iter().any(|key| {
                key.path
                    .strip_prefix(&path)
                    .is_some_and(|rest| rest.starts_with('.'))
            });
            match value.as_dict() {
                Some(inner) if is_section => self.check(inner, &path, source)?,
                _ if is_section || self.0.iter().any(|key| key.path == path) => {}
                _ => {
                    let paths = self.0.iter().map(|key| key.path.clone());
                    return Err(unknown(&path, source, nearest(paths, &path)));
                }
            }
        }
        Ok(())
    }
}

impl Key {
    /// The environment variable's name without our prefix.
    fn variable(&self) -> String {
        self.path.replace('.', "_").to_ascii_uppercase()
    }

    /// A variable's text as the kind of value that the default is, so that an account id keeps its zeros.
    fn read(&self, text: &str) -> Value {
        let parsed = match &self.default {
            Value::Bool(..) => text.parse().ok().map(|flag: bool| Value::from(flag)),
            Value::Num(..) => text
                .parse()
                .ok()
                .map(|number: i64| Value::from(number))
                .or_else(|| text.parse().ok().map(|number: f64| Value::from(number))),
            Value::Array(..) => Some(Value::from(
                text.split(',')
                    .map(str::trim)
                    .filter(|item| !item.is_empty())
                    .map(Value::from)
                    .collect::<Vec<_>>(),
            )),
            _ => None,
        };
        parsed.unwrap_or_else(|| Value::from(text))
    }
}

fn collect(value: &Value, prefix: &str, keys: &mut Vec<Key>) {
    match value.as_dict() {
        Some(table) => {
            for (name, inner) in table {
                collect(inner, &join(prefix, name), keys);
            }
        }
        None => keys.push(Key {
            path: prefix.to_owned(),
            default: value.clone(),
        }),
    }
}

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() {
        name.to_owned()
    } else {
        format!("{prefix}.{name}")
    }
}

fn unknown(name: &str, source: &str, nearest: Option<String>) -> Error {
    let hint = nearest.map_or_else(String::new, |known| format!(" Did you mean {known}?"));
    Error(format!("{source} sets {name}, which does not exist.{hint}"))
}

/// The known name that takes the fewest edits to reach, when that is few enough to be a typing error.
fn nearest(known: impl Iterator<Item = String>, name: &str) -> Option<String> {
    known
        .map(|candidate| (edits(&candidate, name), candidate))
        .min()
        .filter(|(distance, _)| *distance <= 1 + name.len() / 4)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance over bytes: keys are ASCII.
fn edits(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// Figment's error as our sentence: the key, the source, what is wrong.
fn sentence(error: &FigmentError) -> Error {
    let source = source_of(error.metadata.as_ref());
    let key = error.path.join(".");
    Error(format!("{key} ({source}): {}.", Reason(&error.kind)))
}

fn source_of(metadata: Option<&Metadata>) -> String {
    metadata.map_or_else(|| DEFAULT_SOURCE.to_owned(), |known| known.name.to_string())
}

/// What is wrong with a value.
struct Reason<'a>(&'a Kind);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kind::Message(text) => f.write_str(text.trim_end_matches('.')),
            Kind::InvalidType(_, expected) if expected.starts_with("struct ") => {
                f.write_str("this is a section with keys, not a value")
            }
            Kind::InvalidType(actual, expected) => write!(f, "expected {expected}, got {actual}"),
            Kind::InvalidValue(actual, expected) => {
                write!(f, "{actual} is not allowed, expected {expected}")
            }
            Kind::UnknownVariant(name, known) => {
                write!(f, "{name:?} is not one of {}", known.join(", "))
            }
            other => other.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests;
