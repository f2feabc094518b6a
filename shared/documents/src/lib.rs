//! Documents: a bill as bytes.
//!
//! An invoice ([`domain::bill::document::Document`]) becomes JSON, CSV, HTML, PDF, plain text or a UBL invoice of EN 16931; the
//! charges of a month become a cost export ([`focus`], [`cur`]) in CSV or Parquet.
//!
//! Everything here is a pure function of its arguments: no clock, no chance, no files, fixed fonts. So the same document gives
//! the same bytes whenever it is rendered again by the same version; dates and ids inside a PDF come from the document itself.
//!
//! - [`json`], [`csv`], [`html`], [`pdf`], [`text`], [`ubl`]: one rendering each; [`render`] chooses among them.
//! - [`logo`]: the issuer's mark on PDF and HTML.
//! - [`focus`]: FOCUS 1.2. [`cur`]: the columns of AWS's Cost and Usage Report 2.0. Both are made of a [`export::Bill`].
//! - [`regions`]: what regions are called.
//!
//! Numbers are taken over as the texts that the document has. Floats are only where things stand on a page, the height of a bar
//! in the chart, and the costs in CUR's columns, which AWS defines as doubles.

pub mod csv;
pub mod cur;
pub mod export;
mod figures;
pub mod focus;
pub mod html;
pub mod json;
pub mod logo;
pub mod pdf;
pub mod regions;
mod sheet;
mod table;
pub mod text;
pub mod ubl;

use std::fmt;
use std::str::FromStr;

use domain::bill::document::Document;

pub use logo::Logo;
pub use table::Encoding;

/// What an invoice can be rendered as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Json,
    Csv,
    Html,
    Pdf,
    /// UBL 2.1 by EN 16931.
    Ubl,
    /// For terminals.
    Text,
}

impl Format {
    pub const ALL: [Self; 6] = [
        Self::Json,
        Self::Csv,
        Self::Html,
        Self::Pdf,
        Self::Ubl,
        Self::Text,
    ];

    /// Its name on a command line, and the ending of a file's name.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Html => "html",
            Self::Pdf => "pdf",
            Self::Ubl => "xml",
            Self::Text => "txt",
        }
    }

    /// As HTTP's `Content-Type`.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Html => "text/html; charset=utf-8",
            Self::Pdf => "application/pdf",
            Self::Ubl => "application/xml",
            Self::Text => "text/plain; charset=utf-8",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.extension())
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|format| format.extension() == text)
            .ok_or_else(|| Error::UnknownFormat(text.to_owned()))
    }
}

/// A document in a format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    pub bytes: Vec<u8>,
    /// As HTTP's `Content-Type`.
    pub media_type: &'static str,
    /// Of a file's name, without the dot.
    pub extension: &'static str,
}

/// Why there is no document. The texts are for the client who asked for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("a document is json, csv, html, pdf, xml or txt, got {0:?}")]
    UnknownFormat(String),
    #[error("a draft has no number, which an XML invoice must have: close the month first")]
    Draft,
    /// Something that EN 16931 requires.
    #[error("an XML invoice must name {0}: set it and close the next month with it")]
    Incomplete(&'static str),
    #[error("an XML invoice has at most two digits behind the point, {0} has more")]
    TooManyDigits(String),
    #[error("{text:?} in the document is not a number")]
    NotANumber { text: String },
    #[error("{text:?} in the document is not a currency")]
    NotACurrency { text: String },
    #[error("the logo cannot be used: {0}")]
    Logo(String),
    /// A fault of ours or of the library: no document should lead to it.
    #[error("no PDF could be made: {0}")]
    Pdf(String),
    #[error("the export could not be written: {0}")]
    Export(String),
}

/// Renders a document. The logo is shown by PDF and HTML; without one they show the issuer's name.
pub fn render(format: Format, document: &Document, logo: Option<&Logo>) -> Result<Rendered, Error> {
    let bytes = match format {
        Format::Json => json::render(document)?.into_bytes(),
        Format::Csv => csv::render(document)?.into_bytes(),
        Format::Html => html::render(document, logo)?.into_bytes(),
        Format::Pdf => pdf::render(document, logo)?,
        Format::Ubl => ubl::render(document)?.into_bytes(),
        Format::Text => text::render(document)?.into_bytes(),
    };
    Ok(Rendered {
        bytes,
        media_type: format.media_type(),
        extension: format.extension(),
    })
}
