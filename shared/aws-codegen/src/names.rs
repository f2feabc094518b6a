//! How the models' names become Rust names.

use heck::{ToShoutySnakeCase as _, ToSnakeCase as _};

/// `KMSKeyArn` -> `kms_key_arn`, without regard to keywords.
pub(crate) fn snake(name: &str) -> String {
    name.to_snake_case()
}

/// A field's name: [`snake`], raw where it is a keyword.
pub(crate) fn field(name: &str) -> String {
    let field = snake(name);
    match field.as_str() {
        "type" | "match" | "ref" | "move" | "loop" | "in" | "use" | "static" | "enum" => {
            format!("r#{field}")
        }
        _ => field,
    }
}

/// The name of a shape's or an operation's table.
pub(crate) fn table(name: &str) -> String {
    let table = name.to_shouty_snake_case();
    match table.as_str() {
        // The tables of the service itself have these names.
        "SERVICE" | "OPERATIONS" | "ERRORS" => format!("{table}_SHAPE"),
        _ => table,
    }
}

/// A field's name as serde's `rename_all` would spell it.
pub(crate) fn renamed(field: &str, style: Style) -> String {
    let mut name = String::new();
    for word in field.split('_') {
        let mut letters = word.chars();
        name.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        name.push_str(letters.as_str());
    }
    if matches!(style, Style::Camel) {
        name[..1].make_ascii_lowercase();
    }
    name
}

#[derive(Clone, Copy)]
pub(crate) enum Style {
    Pascal,
    Camel,
}

impl Style {
    /// The style that most names of a structure follow.
    pub(crate) fn of<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let (upper, all) = names.fold((0, 0), |(upper, all), name| {
            (
                upper + usize::from(name.starts_with(|c: char| c.is_ascii_uppercase())),
                all + 1,
            )
        });
        if upper * 2 >= all {
            Self::Pascal
        } else {
            Self::Camel
        }
    }

    /// As `rename_all` names it.
    pub(crate) fn attribute(self) -> &'static str {
        match self {
            Self::Pascal => "PascalCase",
            Self::Camel => "camelCase",
        }
    }
}
