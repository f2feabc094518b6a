//! Who issues invoices, by the configuration.

use std::path::Path;

use anyhow::{Context, Result, bail};
use domain::bill::TaxLevel;
use domain::bill::document::Party;
use store::parties::{Issuer, Logo};

use crate::config::{Billing, TaxedBy};

/// Largest logo, in bytes.
const LOGO_BYTES_MAX: usize = 1 << 20;

/// The issuer, with the logo read from its file.
pub(crate) fn of(config: &Billing) -> Result<Issuer> {
    Ok(Issuer {
        party: Party {
            name: config.issuer_name.clone(),
            address: config.issuer_address.clone(),
            country: config.issuer_country.clone(),
            tax_id: config.issuer_tax_id.clone(),
            email: config.issuer_email.clone(),
        },
        number_prefix: config.number_prefix.clone(),
        payment_days: config.payment_days,
        tax_level: match config.tax_level {
            TaxedBy::Invoice => TaxLevel::Invoice,
            TaxedBy::Line => TaxLevel::Line,
        },
        logo: config.logo_file.as_deref().map(logo).transpose()?,
    })
}

fn logo(file: &Path) -> Result<Logo> {
    let shown = file.display();
    let content = std::fs::read(file)
        .with_context(|| format!("billing.logo_file, {shown}, cannot be read"))?;
    if content.len() > LOGO_BYTES_MAX {
        bail!("billing.logo_file, {shown}, is larger than 1 MiB.");
    }
    let is_svg = || {
        let begin = String::from_utf8_lossy(&content[..content.len().min(1_024)]).into_owned();
        begin.trim_start().starts_with('<') && begin.contains("<svg")
    };
    let media_type = if content.starts_with(b"\x89PNG\r\n\x1a\n") {
        "image/png"
    } else if is_svg() {
        "image/svg+xml"
    } else {
        bail!("billing.logo_file, {shown}, is neither a PNG nor an SVG picture.");
    };
    Ok(Logo {
        media_type: media_type.to_owned(),
        content,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logo_is_what_its_bytes_say() {
        let dir = tempfile::tempdir().unwrap();
        let check = |content: &[u8], expected: Result<&str, &str>| {
            let file = dir.path().join("logo");
            std::fs::write(&file, content).unwrap();
            match (logo(&file), expected) {
                (Ok(logo), Ok(media_type)) => assert_eq!(logo.media_type, media_type),
                (Err(error), Err(why)) => assert!(error.to_string().ends_with(why), "{error}"),
                (got, expected) => panic!("{got:?} instead of {expected:?}"),
            }
        };
        check(b"\x89PNG\r\n\x1a\n...", Ok("image/png"));
        check(b"<?xml version='1.0'?><svg/>", Ok("image/svg+xml"));
        check(b"\xff\xd8\xff", Err("is neither a PNG nor an SVG picture."));
        check(b"", Err("is neither a PNG nor an SVG picture."));
        check(
            &vec![b'<'; LOGO_BYTES_MAX + 1],
            Err("is larger than 1 MiB."),
        );
    }
}
