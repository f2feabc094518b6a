//! Structs and operation types: `<service>.rs`.

use std::fmt::Write as _;

use anyhow::{Result, bail};

use crate::config::Service;
use crate::model::{Operation, Reference, Shape};
use crate::names::{self, Style};
use crate::reach::{Reach, part};

/// The source of the service's types.
pub(crate) fn source(service: &Service, reach: &Reach<'_>) -> Result<String> {
    let mut operations = String::new();
    for (name, operation) in &reach.operations {
        write_operation(&mut operations, name, operation)?;
    }
    let mut structures = String::new();
    let mut uses_maps = false;
    for (name, shape) in &reach.shapes {
        match shape.kind.as_str() {
            "structure" => write_structure(&mut structures, reach, name, shape)?,
            "map" => uses_maps = true,
            _ => {}
        }
    }
    let mut source = format!(
        "//! Shapes and operations of `{}`.\n\nmod schema;\n\n",
        service.name
    );
    if uses_maps {
        source.push_str("use std::collections::BTreeMap;\n\n");
    }
    source.push_str("use serde::{Deserialize, Serialize};\n\n");
    source.push_str("use crate::schema::{Operation, OperationSchema};\n");
    source.push_str("pub use schema::SERVICE;\n\n");
    source.push_str(&operations);
    source.push_str(&structures);
    Ok(source)
}

fn write_operation(out: &mut String, name: &str, operation: &Operation) -> Result<()> {
    let table = names::table(name);
    let type_of = |reference: &Option<Reference>| {
        reference.as_ref().map_or_else(
            || "crate::Unit".to_owned(),
            |reference| reference.shape.clone(),
        )
    };
    writeln!(
        out,
        "/// The operation `{name}`.\n\
         #[derive(Debug, Clone, Copy)]\n\
         pub struct {name};\n\n\
         impl Operation for {name} {{\n\
             const SCHEMA: &'static OperationSchema = &schema::{table};\n\
             type Input = {input};\n\
             type Output = {output};\n\
         }}\n",
        input = type_of(&operation.input),
        output = type_of(&operation.output),
    )?;
    Ok(())
}

fn write_structure(out: &mut String, reach: &Reach<'_>, name: &str, shape: &Shape) -> Result<()> {
    let members = &shape.members.0;
    let style = Style::of(members.iter().map(|(name, _)| name.as_str()));
    let redacted = members
        .iter()
        .any(|(_, member)| reach.is_sensitive(&member.shape) && hides(reach, member));
    let debug = if redacted { "" } else { "Debug, " };
    writeln!(out, "/// The shape `{name}`.")?;
    writeln!(
        out,
        "#[derive({debug}Clone, Default, PartialEq, Serialize, Deserialize)]"
    )?;
    if members.is_empty() {
        writeln!(out, "pub struct {name} {{}}\n")?;
        return Ok(());
    }
    writeln!(out, "#[serde(rename_all = \"{}\")]", style.attribute())?;
    writeln!(out, "pub struct {name} {{")?;
    for (member_name, member) in members {
        let field = names::snake(member_name);
        let optional = !shape.required.contains(member_name);
        let rename = (names::renamed(&field, style) != *member_name)
            .then(|| format!("rename = \"{member_name}\""));
        let skip = optional.then(|| "skip_serializing_if = \"Option::is_none\"".to_owned());
        let attributes: Vec<_> = rename.into_iter().chain(skip).collect();
        if !attributes.is_empty() {
            writeln!(out, "#[serde({})]", attributes.join(", "))?;
        }
        let rust = type_of(reach, &member.shape)?;
        // A structure that has itself as a member.
        let rust = if member.shape == name {
            format!("Box<{rust}>")
        } else {
            rust
        };
        let rust = if optional {
            format!("Option<{rust}>")
        } else {
            rust
        };
        writeln!(out, "pub {}: {rust},", names::field(member_name))?;
    }
    writeln!(out, "}}\n")?;
    if redacted {
        write_debug(out, reach, name, shape)?;
    }
    Ok(())
}

/// Whether a sensitive member's own type would show its value: blobs hide themselves.
fn hides(reach: &Reach<'_>, member: &Reference) -> bool {
    reach
        .shape(&member.shape)
        .is_ok_and(|shape| shape.kind != "blob")
}

/// A `Debug` that tells of a sensitive member only whether it is there.
fn write_debug(out: &mut String, reach: &Reach<'_>, name: &str, shape: &Shape) -> Result<()> {
    writeln!(out, "impl std::fmt::Debug for {name} {{")?;
    writeln!(
        out,
        "fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {{"
    )?;
    writeln!(out, "f.debug_struct(\"{name}\")")?;
    for (member_name, member) in &shape.members.0 {
        let field = names::field(member_name);
        let label = names::snake(member_name);
        if !(reach.is_sensitive(&member.shape) && hides(reach, member)) {
            writeln!(out, ".field(\"{label}\", &self.{field})")?;
        } else if shape.required.contains(member_name) {
            writeln!(out, ".field(\"{label}\", &crate::blob::Redacted)")?;
        } else {
            writeln!(
                out,
                ".field(\"{label}\", &self.{field}.as_ref().map(|_| crate::blob::Redacted))"
            )?;
        }
    }
    writeln!(out, ".finish()\n}}\n}}\n")?;
    Ok(())
}

/// The Rust type of a shape.
fn type_of(reach: &Reach<'_>, name: &str) -> Result<String> {
    let shape = reach.shape(name)?;
    Ok(match shape.kind.as_str() {
        "structure" => name.to_owned(),
        "string" => "String".into(),
        "integer" => "i32".into(),
        "long" => "i64".into(),
        "float" | "double" | "timestamp" => "f64".into(),
        "boolean" => "bool".into(),
        "blob" => "crate::Blob".into(),
        "list" => format!(
            "Vec<{}>",
            type_of(reach, &part(shape.member.as_ref(), name)?.shape)?
        ),
        "map" => format!(
            "BTreeMap<String, {}>",
            type_of(reach, &part(shape.value.as_ref(), name)?.shape)?
        ),
        other => bail!("{name} is of the unknown type {other}"),
    })
}
