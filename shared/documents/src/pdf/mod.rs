//! An invoice as PDF (A4, PDF/A-2u): typeset here, written by `krilla`.
//!
//! Pages are laid out from top to bottom: issuer and title, customer and facts, what is due, cost per day, the lines by region,
//! the totals, the notes. Lines go on over pages, with what has been carried over; a page says which of how many it is. The
//! dates and ids in the file come from the document, so that its bytes never change.

mod canvas;
mod flow;
mod fonts;
mod head;
mod lines;
mod tail;

use chrono::Datelike;
use domain::bill::document::Document;
use krilla::configure::{Archival, ConfigurationBuilder};
use krilla::error::KrillaError;
use krilla::metadata::{DateTime, Metadata};
use krilla::page::PageSettings;
use krilla::{Document as Pdf, SerializeSettings};

use crate::Error;
use crate::logo::Logo;
use crate::sheet::Sheet;

/// Without a logo the issuer's name stands in its place.
pub fn render(document: &Document, logo: Option<&Logo>) -> Result<Vec<u8>, Error> {
    if !fonts::are_sound() {
        return Err(Error::Pdf("a font of this program is damaged".to_owned()));
    }
    let sheet = Sheet::of(document)?;
    let mut flow = flow::Flow::new(&sheet);
    head::lay_out(&mut flow, &sheet, logo);
    lines::lay_out(&mut flow, &sheet)?;
    tail::lay_out(&mut flow, &sheet);
    write(&flow.finish(&sheet), logo, metadata(&sheet))
}

/// Draws a logo alone, to find out whether it can be drawn.
pub(crate) fn try_logo(logo: &Logo) -> Result<(), Error> {
    let mut leaf = canvas::Leaf::default();
    leaf.logo(canvas::LEFT, canvas::LEFT, 40.0);
    let date = DateTime::new(2000).month(1).day(1);
    write(&[leaf], Some(logo), Metadata::new().creation_date(date))
        .map(|_| ())
        .map_err(|error| match error {
            Error::Pdf(why) => Error::Logo(why),
            error => error,
        })
}

fn write(
    leaves: &[canvas::Leaf],
    logo: Option<&Logo>,
    metadata: Metadata,
) -> Result<Vec<u8>, Error> {
    let configuration = ConfigurationBuilder::new()
        .with_archival_validator(Archival::A2_U)
        .finish()
        .map_err(|error| Error::Pdf(format!("{error:?}")))?;
    let mut pdf = Pdf::new_with(SerializeSettings {
        configuration,
        enable_tagging: false,
        ..SerializeSettings::default()
    });
    pdf.set_metadata(metadata);
    for leaf in leaves {
        let settings = PageSettings::from_wh(canvas::PAGE_WIDTH, canvas::PAGE_HEIGHT)
            .ok_or_else(|| Error::Pdf("a page without a size".to_owned()))?;
        let mut page = pdf.start_page_with(settings);
        let mut surface = page.surface();
        leaf.draw(&mut surface, logo);
        surface.finish();
        page.finish();
    }
    pdf.finish().map_err(|error| match error {
        KrillaError::Image(_, _, why) => Error::Logo(why),
        KrillaError::Validation(errors) => Error::Pdf(format!("{errors:?}")),
        error => Error::Pdf(error.to_string()),
    })
}

fn metadata(sheet: &Sheet<'_>) -> Metadata {
    let document = sheet.document;
    let day = document.issued_on;
    let part = |number: u32| u8::try_from(number).unwrap_or(1);
    let date = DateTime::new(u16::try_from(day.year()).unwrap_or_default())
        .month(part(day.month()))
        .day(part(day.day()))
        .hour(0)
        .minute(0)
        .second(0)
        .utc_offset_hour(0)
        .utc_offset_minute(0);
    let id = format!(
        "{} {} {} {} {}",
        document.issuer.name,
        sheet.name(),
        document.account_id,
        document.period_start,
        document.currency
    );
    Metadata::new()
        .title(sheet.name())
        .authors(vec![document.issuer.name.clone()])
        .creator("Tollgate".to_owned())
        .language("en".to_owned())
        .creation_date(date)
        .document_id(id)
}
