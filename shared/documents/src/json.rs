//! The document itself, as JSON: fields in their order, two spaces, a newline at the end.

use domain::bill::document::Document;

use crate::Error;

/// The bytes that are kept of a final invoice, in a form that people can read.
pub fn render(document: &Document) -> Result<String, Error> {
    let mut text =
        serde_json::to_string_pretty(document).map_err(|error| Error::Export(error.to_string()))?;
    text.push('\n');
    Ok(text)
}
