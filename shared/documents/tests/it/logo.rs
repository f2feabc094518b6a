//! The issuer's logo on documents.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use documents::{Error, Format, Logo, render};

use crate::samples;

/// 2 x 2 pixels, red.
const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAEElEQVR4nGP4z8AARAwQCgAf7gP9i18U1AAAAABJRU5ErkJggg==";

const SVG: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 40">
  <rect width="40" height="40" rx="8" fill="#1f4f82"/>
  <path d="M10 28 L20 12 L30 28" fill="none" stroke="#fff" stroke-width="4" stroke-dasharray="3 1"/>
  <g transform="translate(50 8)" opacity="0.5"><circle cx="12" cy="12" r="12" fill-rule="evenodd"/></g>
</svg>"##;

fn png() -> Vec<u8> {
    STANDARD.decode(PNG).expect("base64")
}

#[test]
fn a_logo_takes_the_place_of_the_name() {
    let document = samples::invoice().document;
    for bytes in [png(), SVG.as_bytes().to_vec()] {
        let logo = Logo::new(bytes.clone()).expect("drawable");
        let with = render(Format::Pdf, &document, Some(&logo)).expect("rendered");
        let without = render(Format::Pdf, &document, None).expect("rendered");
        assert_ne!(with.bytes, without.bytes);
        let again = Logo::new(bytes.clone()).expect("drawable");
        let again = render(Format::Pdf, &document, Some(&again)).expect("rendered");
        assert_eq!(with.bytes, again.bytes);

        let page = render(Format::Html, &document, Some(&logo)).expect("rendered");
        let page = String::from_utf8(page.bytes).expect("UTF-8");
        assert!(page.contains(&STANDARD.encode(&bytes)));
        assert!(!page.contains("class=\"wordmark\""));
    }
}

#[test]
fn what_cannot_be_drawn_is_refused() {
    let mut damaged = png();
    damaged.truncate(50);
    let svg = |inner: &str| {
        format!("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 9 9\">{inner}</svg>")
            .into_bytes()
    };
    let gradient = "<defs><linearGradient id=\"g\"><stop offset=\"0\" stop-color=\"red\"/>\
                    <stop offset=\"1\"/></linearGradient></defs>\
                    <rect width=\"9\" height=\"9\" fill=\"url(#g)\"/>";
    for (bytes, why) in [
        (b"GIF89a".to_vec(), "neither PNG nor JPEG nor SVG"),
        (vec![0; documents::logo::BYTES_MAX + 1], "larger than 1 MiB"),
        (damaged, ""),
        (svg("<text>Hi</text>"), "turn the text into paths"),
        (svg(gradient), "gradients or patterns"),
        (
            svg("<image href=\"/etc/passwd\" width=\"9\" height=\"9\"/>"),
            "picture inside",
        ),
        (svg("<rect"), "damaged"),
    ] {
        let Err(Error::Logo(text)) = Logo::new(bytes) else {
            panic!("{why}: drawn");
        };
        assert!(text.contains(why), "{text}");
    }
}
